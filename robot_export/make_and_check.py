"""Exports a model to every format and compares each file with the model; fails if a float32 file differs.

If a format's runtime is not installed, the file is written, but is neither accepted nor rejected.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.cli.progress import progress_bar
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from common.provenance import cpu
from robot_export import model_json, parity, runtimes
from robot_export.card import write_card
from robot_export.cost import measure_latency
from robot_export.cpp.float_header import TEMPLATES, fill_template
from robot_export.export_job import VECTORS, Job
from robot_export.formats import FORMATS, FORMER, Written
from robot_export.model_json import ExportedFile, Manifest
from robot_export.onnx_file import OPSET
from robot_export.plan_files import Item, make_items, robot_file
from robot_export.robots import ROBOTS

TIMED = 100  # the number of patches for measuring the latency
TEMPORARY = ".export."  # the prefix of the names of temporary folders
CARD = ("README.md", "report.html")


@dataclass(frozen=True)
class Checked:
    """A checked file: its entry in model.json, its threshold, and its outputs float32 [8, k] for the test vectors.

    run: a function that runs the file once, used for timing; None if it was already timed or cannot run here.
    """

    entry: ExportedFile
    threshold: float | None
    answers: np.ndarray
    run: Callable | None = None


def deliver(job: Job, export: str = "all", prepare: Callable[[Path], Job] | None = None) -> Manifest:
    """Creates the files, model.json and, unless `export` is "none", the card; export: a value of `--export`.

    All files are written to a temporary folder and moved to the job's folder at the end. So if the disk is full, the
    job's folder does not change, and model.json and the card always describe the files beside them. `prepare` is called
    first; it completes the job, and may write pictures to the temporary folder.

    Raises:
        UserError: a layer or file cannot be exported or written, a robot's code cannot load this model, or a float32
            file differs from the model. After an error, the job's folder is unchanged.
    """
    items, robots = make_items(job, export)
    _check_names(job.folder, items)
    try:
        with _temporary_folder(job.folder) as new:
            job = prepare(new) if prepare else job
            if export == "none":
                threshold, answers = job.source.manifest.trained_threshold, job.source.outputs[job.vectors]
                checked = {"keras": Checked(_entry(items["keras"], job.folder, job), threshold, answers)}
                manifest = _manifest(job, checked, robots)
            else:
                manifest = _manifest(job, _make_and_check(items, new, job), robots, timed_on=cpu())
                write_card(job, manifest, new)
            model_json.write(new, manifest)
            _move_in(new, job.folder)
    except OSError as error:
        raise UserError(
            f"{job.folder}: the exported files cannot be written: {error.strerror or error}. "
            "Make room or choose another folder."
        ) from None
    return manifest


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """Creates a folder for new files in `parent`, and removes it at the end.

    First waits until no other export writes to `parent`, and removes the temporary folders of earlier exports.
    Errors name the files in `parent`, because the temporary folder no longer exists when the user reads them.
    """
    handle = os.open(parent, os.O_RDONLY)
    try:
        if _locked(handle, parent):
            for left in parent.glob(f"{TEMPORARY}*"):
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=parent, ignore_cleanup_errors=True) as folder:
            try:
                yield Path(folder)
            except UserError as error:
                raise UserError(str(error).replace(folder, str(parent))) from error
    finally:
        os.close(handle)


def _locked(handle: int, folder: Path) -> bool:
    """Locks an open folder until it is closed or the process ends; returns False if the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another export to {folder}", file=sys.stderr)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _make_and_check(items: dict[str, Item], new: Path, job: Job) -> dict[str, Checked]:
    """Writes all files to the folder `new`, and runs each of them."""
    checked = {}
    for name, item in progress_bar(items.items(), desc="exporting", unit="file", delay=1, leave=False):
        checked[name] = _make(name, item, new, job)
    for template in TEMPLATES if "cpp" in items else ():
        text = fill_template(template, job.source.manifest.kind, job.namespace)
        (new / template).write_text(text, encoding="utf-8")
    times = measure_latency({name: file.run for name, file in checked.items() if file.run})
    for name, found in times.items():
        checked[name] = replace(checked[name], entry=replace(checked[name].entry, latency_us=found))
    return checked


def _manifest(job: Job, checked: dict[str, Checked], robots: dict[str, dict], **cost) -> Manifest:
    """Returns the job's manifest with the exported files added."""
    manifest, vectors = job.source.manifest, job.vectors
    expected = {name: file.answers.tolist() for name, file in checked.items()}
    expected["keras"] = job.source.outputs[vectors].tolist()  # the C++ header contains the same outputs
    patches = job.source.validation.X[vectors].reshape(VECTORS, -1).tolist()
    return replace(
        manifest,
        cost=manifest.cost | cost,
        formats={name: file.entry for name, file in checked.items()},
        vectors={"patches": patches, "expected": expected},
        threshold={name: file.threshold for name, file in checked.items()} if manifest.threshold else None,
        robots=robots or None,
    )


def _make(name: str, item: Item, new: Path, job: Job) -> Checked:
    """Writes a file, runs it on the validation split, compares it with Keras, and times it if it is a C++ header."""
    reference, runtime, written, folder = job.reference, item.format.runtime, None, job.folder
    if item.format.write:
        folder = new
        written = item.format.write(new / item.file, item.layout.network(*item.networks), item.layout, job)
    written = written or Written(reference.threshold)
    if why := runtimes.missing(runtime):
        unknown = {"accepted": None, "reasons": [f"not run during the export: {why}"]}
        entry = _entry(item, folder, job, **unknown, **written.fields)
        outputs = reference.outputs if written.outputs is None else written.outputs
        return Checked(entry, written.threshold, outputs[job.vectors])
    opened, X = runtimes.open_file(folder / item.file, runtime), job.source.validation.X
    blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))  # the split may not fit into memory
    outputs = np.concatenate([opened.predict(item.layout.feed(block)) for block in blocks])
    if written.outputs is not None and not np.array_equal(outputs, written.outputs):
        raise UserError(f"the {name} format does not output the expected bits. Not exported.")
    if len(item.networks) > 1:
        both = np.concatenate([reference.outputs, job.detector.outputs], axis=1)
        reference = replace(reference, outputs=both)
    verdict = reference.compare(name, item.format.exact, item.layout.read(outputs, X.shape[1]))
    values = item.layout.feed(X[:TIMED])
    entry = _entry(
        item,
        folder,
        job,
        parity=verdict.numbers,
        accepted=not verdict.reasons,
        reasons=verdict.reasons,
        runtime_version=runtimes.version(runtime),
        quantised=opened.quantised and {"scale": float(opened.quantised[0]), "zero_point": int(opened.quantised[1])},
        latency_us=opened.times(values) if opened.times else None,
        **written.fields,
    )
    run = opened.single(values[:1]) if opened.single else lambda: opened.run(values[:1])
    run = None if opened.times else run
    return Checked(entry, verdict.threshold, outputs[job.vectors], run)


def _entry(item: Item, folder: Path, job: Job, **found) -> ExportedFile:
    """Builds a file's entry in model.json; found: the fields that were measured."""
    content, runtime, manifest = (folder / item.file).read_bytes(), item.format.runtime, job.source.manifest
    known = {
        "file": item.file,
        "runtime": runtime,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "normalised": item.layout.scale != 1,
        "input_type": item.layout.dtype,
        "peak_activation_bytes": manifest.cost["peak_activation_bytes"] * item.format.bytes // 4,
        "tolerance": parity.tolerance(runtime, item.layout, manifest.input.width),
        "layout": item.layout.as_json(),
        "opset": OPSET if runtime == "ONNX Runtime" else None,
        "namespace": job.namespace if runtime == "C++" else None,
    }
    unknown = {"quantised": None, "accepted": True, "reasons": [], "parity": None, "latency_us": None}
    return ExportedFile(**known | unknown | found)


def _check_names(folder: Path, items: dict[str, Item]) -> None:
    """Raises an error if a folder has the name of a file that the export writes or removes."""
    for file in sorted(_known_files() | {item.file for item in items.values()} | {"model.json", *CARD}):
        if (folder / file).is_dir() and not (folder / file).is_symlink():
            raise UserError(f"A folder has the name of a file that must be written. Received: {folder / file}.")


def _move_in(new: Path, folder: Path) -> None:
    """Moves the new files to the job's folder, and removes the files of earlier exports that were not replaced.

    The old card is removed first and the new one is moved last, so that a card never lists a file that is missing.
    """
    made = {path.name for path in new.iterdir()}
    for file in CARD:
        (folder / file).unlink(missing_ok=True)
    for file in sorted(made, key=lambda file: (file in CARD, file == "model.json")):
        (new / file).replace(folder / file)
    stale = sorted(file for file in _known_files() - made if os.path.lexists(folder / file))
    for file in stale:
        (folder / file).unlink()
    if stale:
        print(f"note: removed, because this export does not write them: {', '.join(stale)}", file=sys.stderr)


def _known_files() -> set[str]:
    formats = {form.file for form in FORMATS.values() if form.write} | {robot_file(robot) for robot in ROBOTS.values()}
    return formats | {*FORMER, *TEMPLATES}
