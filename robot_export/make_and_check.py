"""Exports a model to every format and compares each file with it; an exact one that differs stops the export.

A format whose runtime is not installed is written, too, but neither accepted nor rejected.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.cli.progress import progress_bar
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from common.provenance import cpu
from robot_export import runtimes
from robot_export.calibration import select_calibration
from robot_export.cost import measure_latency
from robot_export.cpp.header import TEMPLATES, About, fill_template
from robot_export.describe_model import header_constants
from robot_export.export_job import Job
from robot_export.formats import FORMATS, FORMER, Material, Written
from robot_export.model_json import ExportedFile, Manifest
from robot_export.parity import Reference
from robot_export.plan_files import Item, make_items, robot_file
from robot_export.robots import ROBOTS

VECTORS = 8
TIMED = 100  # patches


@dataclass(frozen=True)
class Checked:
    """A checked file: its entry, its threshold, and its outputs float32 [8, k] for the test vectors.

    time: runs it once, for timing together with the others; None if it was already timed, or was not run.
    """

    entry: ExportedFile
    threshold: float | None
    answers: np.ndarray
    time: object = None


def deliver(job: Job, export: str = "all") -> Manifest:
    """Makes the files in the job's folder and returns the manifest, which the caller writes.

    Args:
        export: "none", "keras" or "all", as `--export`.

    Raises:
        UserError: a layer or file cannot be exported, a robot's code cannot load this model, or a float32 file differs
            from the model. The files in the folder are unchanged.
    """
    vectors = _spread(job.evidence.outputs)
    items, robots = make_items(job, export)
    threshold, answers = job.manifest.trained_threshold, job.evidence.outputs[vectors]
    if export == "none":
        checked, timed = {"keras": Checked(items["keras"].entry(job.folder, job), threshold, answers)}, {}
    else:
        checked, timed = _make_and_check(items, job, vectors), {"timed_on": cpu()}
        checked["keras"] = replace(checked["keras"], answers=answers)  # the same as in the header
    _remove_stale(job.folder, items)
    patches = job.evidence.validation.X[np.array(vectors)].reshape(VECTORS, -1)
    expected = {name: file.answers.tolist() for name, file in checked.items()}
    return replace(
        job.manifest,
        cost=job.manifest.cost | timed,
        formats={name: file.entry for name, file in checked.items()},
        vectors={"patches": patches.tolist(), "expected": expected},
        threshold=None if threshold is None else {name: file.threshold for name, file in checked.items()},
        robots=robots or None,
    )


def _make_and_check(items: dict[str, Item], job: Job, vectors: list[int]) -> dict[str, Checked]:
    """Writes all files to a temporary folder, runs each of them, and then moves them in."""
    with _new_files(job.folder) as new:
        written, checked = _write(new, items, job, vectors), {}
        for name, item in progress_bar(items.items(), desc="checking", unit="file", delay=1, leave=False):
            folder = new if item.format.write else job.folder
            checked[name] = _check(name, item, folder, job, written[name], vectors)
        times = measure_latency({name: file.time for name, file in checked.items() if file.time})
        for path in new.iterdir():
            path.replace(job.folder / path.name)
    for name, found in times.items():
        checked[name] = replace(checked[name], entry=replace(checked[name].entry, latency_us=found))
    return checked


@contextmanager
def _new_files(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder inside `folder`; it is deleted with its content when the block ends."""
    new = folder / f".export.{os.getpid()}"
    try:
        new.mkdir(exist_ok=True)
        yield new
    except OSError as error:
        raise UserError(f"{folder}: the exported files cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            shutil.rmtree(new)


def _write(new: Path, items: dict[str, Item], job: Job, vectors: list[int]) -> dict[str, Written | None]:
    """Makes the files; returns what is known about each, by name."""
    evidence, threshold = job.evidence, job.manifest.trained_threshold
    patches, facts = evidence.validation.X[np.array(vectors)], header_constants(job.manifest)
    material = Material(
        calibration=select_calibration(evidence.calibration),
        validation=evidence.validation.X,
        choose=job.reference.own_threshold,
        about=About(job.namespace, patches, evidence.outputs[vectors], threshold, facts),
    )
    written = {}
    for name, item in progress_bar(items.items(), desc="exporting", unit="file", delay=1, leave=False):
        if item.format.write:
            network = item.layout.network(*item.networks)
            written[name] = item.format.write(new / item.file, network, item.layout, material)
    for template in TEMPLATES if "cpp" in items else ():
        (new / template).write_text(fill_template(template, job.manifest.kind, job.namespace), encoding="utf-8")
    return dict.fromkeys(items) | written


def _check(name: str, item: Item, folder: Path, job: Job, written: Written | None, vectors: list[int]) -> Checked:
    """Runs a file on the validation split, compares it with Keras, and times it if it is a separate program."""
    written = written or Written({}, job.manifest.trained_threshold)
    entry, reference = replace(item.entry(folder, job), **written.fields), job.reference
    if why := runtimes.missing(item.format.runtime):
        entry = replace(entry, accepted=None, reasons=[f"not run during the export: {why}"])
        return Checked(entry, written.threshold, reference.outputs[vectors])
    opened, X = runtimes.open_file(folder / item.file, item.format.runtime), job.evidence.validation.X
    blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))  # it may be in a file
    outputs = np.concatenate([opened.predict(item.layout.feed(block)) for block in blocks])
    if written.outputs is not None and not np.array_equal(outputs, written.outputs):
        raise UserError(f"the {name} format does not output the expected bits. Not exported.")
    verdict = _with_partner(reference, item, job).compare(
        name, item.format.exact, item.layout.read(outputs, X.shape[1])
    )
    values = item.layout.feed(X[:TIMED])
    entry = replace(
        entry,
        parity=verdict.numbers,
        accepted=not verdict.reasons,
        reasons=verdict.reasons,
        runtime_version=runtimes.version(item.format.runtime),
        quantised=opened.quantised and {"scale": float(opened.quantised[0]), "zero_point": int(opened.quantised[1])},
        latency_us=opened.times(values) if opened.times else None,
    )
    time = None if opened.times else opened.single(values[:1])
    return Checked(entry, verdict.threshold, outputs[vectors], time)


def _with_partner(reference: Reference, item: Item, job: Job) -> Reference:
    """The reference for a file; for a joint file, the outputs of both models."""
    if not item.joint:
        return reference
    return replace(reference, outputs=np.concatenate([reference.outputs, job.wishes.detector.outputs], axis=1))


def _remove_stale(folder: Path, items: dict[str, Item]) -> None:
    """Removes files that an earlier export made and this one did not, because model.json no longer lists them."""
    made = {item.file for item in items.values()} | (set(TEMPLATES) if "cpp" in items else set())
    known = {form.file for form in FORMATS.values() if form.write} | {robot_file(robot) for robot in ROBOTS.values()}
    for file in (known | {*FORMER, *TEMPLATES}) - made:
        (folder / file).unlink(missing_ok=True)


def _spread(outputs: np.ndarray) -> list[int]:
    """Indices of the test vectors, spread over the range of the first output, so that a wrong model is noticed."""
    first = outputs[:, 0].astype(np.float64)
    left, chosen = list(range(len(first))), []
    for wanted in np.linspace(first.min(), first.max(), VECTORS):
        nearest = min(left or chosen, key=lambda i: abs(first[i] - wanted))
        chosen.append(nearest)
        left = [i for i in left if i != nearest]
    return chosen
