"""Makes patch archives from sources: reads annotations, groups by recording, cuts in several processes, writes."""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from common.cli import launch
from common.cli.progress import progress_bar
from common.datasets.families import SPLITS
from common.errors import UserError
from dataset_tools.annotations import picture_names, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.recognise import Source
from dataset_tools.annotations.record import BALL, Record
from dataset_tools.building.workers import warm_up, workers
from dataset_tools.building.working_folder import working_folder
from dataset_tools.cutting import archives
from dataset_tools.cutting.archives import file_name, member_name
from dataset_tools.cutting.cut_one_picture import Patches, Plan, of_records
from dataset_tools.cutting.options import Settings
from dataset_tools.cutting.record_store import RecordStore
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.skip_counts import Skips

CHUNK = 8  # pictures per task
WITH_NAMES = ("coco", "label-studio")  # formats whose pictures may be in a log


def cut(settings: Settings) -> None:
    """Writes the archives of all sources and reports their content.

    Raises:
        UserError: a source cannot be read, there is nothing to cut, archives already exist, or the disk is full.
    """
    warm_up(settings.jobs)  # while this process reads the annotations
    skips, kinds = Skips(), Counter()
    try:
        with working_folder(settings.output, ".cut-") as folder, (folder / "records").open("w+b") as file:
            store = RecordStore(file)
            guessed = _gather(settings, store, skips)
            _cut_all(settings, store, folder, kinds, skips)
            written = archives.publish(folder, settings.output)
    except OSError as error:
        where = error.filename or settings.output
        advice = "Check the path, its permissions and --format."
        if Path(str(where)).is_relative_to(settings.output):
            advice = "Check free space and permissions, or choose another --output."
        raise UserError(f"{where}: {error.strerror or error}. {advice}") from None
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
    found = [
        source
        for path in dict.fromkeys(path.resolve() for path in settings.sources)
        for source in recognise.recognise(path, settings.format, settings.pictures)
    ]
    annotations = [source for path in settings.annotations for source in recognise.recognise(path)]
    logs = sum(source.format == "naoth-log" for source in found)
    if annotations and (not logs or any(source.format not in WITH_NAMES for source in annotations)):
        formats = ", ".join(source.format for source in (*found, *annotations))
        raise UserError(f"--annotations must be COCO or Label Studio files for a log. Received: {formats}.")
    guessed = 0
    with progress_bar(desc="  reading", unit=" pictures") as bar:
        for source, label in zip(found, _labels(found), strict=True):
            for item in recognise.records(source, classes, annotations, logs > 1):
                bar.update()
                guessed += _add(item, label, settings, store, skips)
    return guessed


def _add(item: Record | Skipped, label: str, settings: Settings, store: RecordStore, skips: Skips) -> bool:
    """Stores a record or counts a skip; True if the record's camera is unknown."""
    try:
        if isinstance(item, Skipped):
            skips.add(item)
        elif item.patch or item.certified or any(box.kind == BALL for box in item.boxes):
            camera = item.camera or settings.camera
            recording = file_name(picture_names.recording_of(item, label, settings.recording))
            store.add(item, camera or "top", recording)
            return not camera
    except Refused as refused:
        skips.add(Skipped(item.name, str(refused)))
    return False


def _labels(found: list[Source]) -> list[str]:
    """A unique name for each source."""
    names = [picture_names.label_of(source.path) for source in found]
    return [f"{name}-{names[: at + 1].count(name)}" if name in names[:at] else name for at, name in enumerate(names)]


def _pick(offsets: list[int], settings: Settings) -> tuple[list[int], int]:
    """The records of a recording to cut, and the maximum number of patches of each.

    From a long recording, fewer patches per picture are cut, or pictures evenly spread over its length.
    """
    most = settings.max_per_recording // max(len(offsets), 1)
    if most:
        return offsets, min(most, settings.max_per_picture)
    count = settings.max_per_recording
    return [offsets[index * len(offsets) // count] for index in range(count)], 1


def _members(
    results: Iterator[Patches], seen: set[tuple[int, ...]], kinds: Counter, skips: Skips
) -> Iterator[tuple[str, bytes]]:
    """Names and contents for an archive; a repeated picture, even under another name, is left out."""
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
    print(f"{settings.output}: {kinds.total()} patches, {len(written)} archives: {counts}")
    if guessed:
        print(f"  no camera in the path of {guessed} pictures, so they count as top (--camera bottom changes that)")
    if not set(kinds) - {"unlabelled"}:
        return
    if len({name.partition("/")[2] for name in written}) < len(SPLITS):
        print("  too few recordings for training, validation and test files: add sources, or use --recording REGEX")
    script = "dataset_tools/ball_classification_datasets/create_datasets.py"
    naoth = ("--naoth", launch.shortest(settings.output), "--origins", "naoth")
    print(f"Build datasets from them: {launch.command(script, *naoth, '--output-dir', 'datasets')}")
