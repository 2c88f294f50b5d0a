"""Creates patch archives: reads annotations, groups pictures by recording, cuts patches in parallel, writes zips."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from common.cli import launch
from common.cli.progress import progress_bar
from common.datasets.families import SPLITS
from common.errors import UserError
from dataset_tools.annotations import recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.kinds import BALL
from dataset_tools.annotations.recognise import Source
from dataset_tools.building.workers import warm_up, workers
from dataset_tools.building.working_folder import working_folder
from dataset_tools.cutting import archives
from dataset_tools.cutting.archives import file_name, member_name
from dataset_tools.cutting.cut_one_picture import Patches, Plan, of_records
from dataset_tools.cutting.options import Settings
from dataset_tools.cutting.record_store import RecordStore
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.skip_counts import Skips

CHUNK = 8  # pictures per task
WITH_NAMES = ("coco", "label-studio")  # formats whose pictures may be in a log


def cut(settings: Settings) -> None:
    """Writes the archives of all sources and reports their contents.

    Raises:
        UserError: a source cannot be read, there is nothing to cut, archives already exist, or the disk is full.
    """
    warm_up(settings.jobs)  # the workers start while this process reads the annotations
    skips, kinds = Skips(), Counter()
    try:
        with working_folder(settings.output, ".cut-") as folder, (folder / "records").open("w+b") as file:
            store = RecordStore(file)
            guessed = _gather(settings, store, skips)
            _cut_all(settings, store, folder, kinds, skips)
            written = archives.publish(folder, settings.output)
    except OSError as error:
        where = error.filename or settings.output
        what, advice = "cannot be read", "Check the path, its permissions and --format."
        if Path(str(where)).is_relative_to(settings.output):
            what, advice = "cannot be written", "Check free space and permissions, or choose another --output."
        raise UserError(f"{where}: {what}. Received: {error.strerror or error}. {advice}") from None
    _report(settings, written, kinds, skips, guessed)


def _cut_all(settings: Settings, store: RecordStore, folder: Path, kinds: Counter, skips: Skips) -> None:
    picks = [
        (f"{camera}/{recording}.zip", camera, *_pick(store.offsets((camera, recording), settings.every), settings))
        for camera, recording in sorted(store.groups)
    ]
    archives.check(settings.output, [name for name, *_ in picks], settings.replace)
    plan = Plan(settings.geometry, store.diameters(), settings.seed)
    tasks = (
        ([(store.read(at), camera, most) for at in offsets[start : start + CHUNK]], plan)
        for _, camera, offsets, most in picks
        for start in range(0, len(offsets), CHUNK)
    )
    total = sum(len(offsets) for *_, offsets, _ in picks)
    with workers(settings.jobs) as spread, progress_bar(total=total, desc="  cutting", unit=" pictures") as bar:
        results = (found for part in spread(of_records, tasks) for found in part if bar.update() or True)
        seen: set[tuple[int, ...]] = set()
        for name, _, offsets, _ in picks:
            archives.write(folder / name, _members(islice(results, len(offsets)), seen, kinds, skips))
    if not kinds:
        raise UserError("; ".join(["nothing to cut. Received: no usable picture", *map(str.strip, skips.lines())]))


def _gather(settings: Settings, store: RecordStore, skips: Skips) -> int:
    """Reads all annotations into the store; returns the number of pictures whose camera is unknown."""
    own = {"ball": settings.ball_class, "robot": settings.robot_class, "penalty": settings.penalty_class}
    classes = Classes.of(settings.empty_is_negative, **own)
    # A source may be given twice, or as a folder and as a file in it.
    sources = _sources(settings.sources, settings.format, settings.pictures)
    annotations = _sources(settings.annotations)
    is_log = any(source.format == "naoth-log" for source in sources)
    if annotations and (not is_log or any(source.format not in WITH_NAMES for source in annotations)):
        formats = ", ".join(source.format for source in (*sources, *annotations))
        raise UserError(f"--annotations takes COCO or Label Studio files, and needs a log. Received: {formats}.")
    guessed = 0
    with progress_bar(desc="  reading", unit=" pictures") as bar:
        for item in recognise.records(sources, classes, annotations, settings.recording):
            bar.update()
            if isinstance(item, Skipped):
                skips.add(item)
            elif item.patch or item.certified or any(box.kind == BALL for box in item.boxes):
                camera = item.camera or settings.camera
                if not camera:
                    guessed += item.place.size if item.patch == "labelled" else 1  # several patches of an HDF5 file
                store.add(item, camera or "top", file_name(item.recording))
    return guessed


def _sources(paths: Iterable[Path], *how) -> dict[Source, None]:
    """Returns the sources at the given paths, without duplicates; `how` is passed on to `recognise`."""
    return dict.fromkeys(source for path in paths for source in recognise.recognise(path.resolve(), *how))


def _pick(offsets: list[int], settings: Settings) -> tuple[list[int], int]:
    """Chooses which records of a recording to cut, and the maximum number of patches per record.

    The longer a recording is, the fewer patches are cut out of each picture. If a recording has more pictures than
    `max_per_recording`, only one patch per picture is cut, from pictures that are spread evenly over the recording.
    """
    most = settings.max_per_recording // max(len(offsets), 1)
    if most:
        return offsets, min(most, settings.max_per_picture)
    count = settings.max_per_recording
    return [offsets[index * len(offsets) // count] for index in range(count)], 1


def _members(
    results: Iterator[Patches], seen: set[tuple[int, ...]], kinds: Counter, skips: Skips
) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents for an archive; repeated pictures are left out, even if their names differ."""
    for found in results:
        for item in found.skipped:
            skips.add(item)
        if found.digest in seen:
            skips.add(Skipped(found.name, "duplicate picture"))
            continue
        if found.digest:
            seen.add(found.digest)
        kinds.update(found.kinds)
        yield from ((member_name(found.name), content) for content in found.files)


def _report(settings: Settings, written: list[str], kinds: Counter, skips: Skips, guessed: int) -> None:
    for line in skips.lines():
        print(line, file=sys.stderr)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    total, archive = kinds.total(), "archive" if len(written) == 1 else "archives"
    print(f"{settings.output}: {total} patch{'es' * (total != 1)}, {len(written)} {archive}: {counts}")
    if guessed:
        what = "1 picture, so it counts" if guessed == 1 else f"{guessed} pictures, so they count"
        print(f"  no camera in the path of {what} as top (--camera bottom changes that)")
    if not set(kinds) - {"unlabelled"}:
        return
    if len({name.partition("/")[2] for name in written}) < len(SPLITS):
        print("  too few recordings for training, validation and test files: add sources, or use --recording REGEX")
    script = "dataset_tools/ball_classification_datasets/create_datasets.py"
    naoth = ("--naoth", launch.shortest(settings.output), "--origins", "naoth")
    print(f"Build datasets from them: {launch.command(script, *naoth, '--output-dir', 'datasets')}")
