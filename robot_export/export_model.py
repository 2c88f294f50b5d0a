"""Exports a model to every format, compares each with it, and writes model.json and the card."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import tracking
from common.atomic_files import replacing
from common.cli.progress import progress_bar
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from common.provenance import cpu
from common.runs.run_folder import tracked_files
from robot_export import card, model_json, runtimes
from robot_export.cost import measure_latency
from robot_export.cpp.header import identifier
from robot_export.export_files import Item, make_items, robot_file
from robot_export.formats import CPP, FORMER, FORMS, TEMPLATES, Material, select_calibration
from robot_export.parity import compare, own_threshold
from robot_export.project import Project
from robot_export.robots import ROBOTS

VECTORS = 8
WEAKEST, SLICES = 4, 200  # recordings, cameras, brightnesses that the card and the page name, of each kind


@dataclass(frozen=True)
class Evidence:
    """What the files are made and judged with.

    calibration: uint8 [n, h, w, c], training patches. validation: common.datasets.patch_file.Patches, the whole split.
    outputs: float32 [n, k], what the Keras model says of it.
    """

    calibration: np.ndarray
    validation: object
    outputs: np.ndarray


@dataclass(frozen=True)
class Partner:
    """A detector that is joined with a classifier in one file.

    model: keras.Model. outputs: float32 [n, 3], what it says of the classifier's validation patches.
    description: what its model.json says.
    """

    model: object
    outputs: np.ndarray
    description: dict


@dataclass(frozen=True)
class Job:
    """A model to be exported.

    folder: of the run, with model.keras in it; gets all files at the end, when every one has been proven.
    model: the trained keras.Model. description: the facts of model.json that the training knows.
    results: {split: {"metrics", "groups"}}. robots: names of --robot. detector: for files that answer both.
    namespace: of model.h; made of project, size and run if empty. accept_sampling: see `robots.check`.
    """

    folder: Path
    model: object
    description: dict
    evidence: Evidence
    project: Project
    results: dict
    robots: tuple[str, ...] = ()
    detector: Partner | None = None
    namespace: str = ""
    accept_sampling: bool = False

    def __post_init__(self):
        if not self.namespace:  # any number of models share a binary, and two runs of one project do, too
            size, run = self.description["input"]["width"], self.folder.resolve().name
            object.__setattr__(self, "namespace", identifier(f"{self.description['project']}_{size}_{run}"))


def publish_run(run, history, job: Job) -> None:
    """The end of a training: model.json, files and card into its folder, every number into tracking.

    The manifest of model.keras alone is written first: an export that fails costs the night nothing but the export.
    A stopped training leaves no more than that; resumed, it exports at its end.

    Args:
        run: common.runs.RunFolder. history: common.fitting.History.

    Raises:
        UserError: as `deliver`, after everything else has been recorded.
    """
    export = "none" if run.stop() else job.description["options"]["export"]
    told = publish(job, export="none")
    try:
        if export != "none":
            told = publish(job, export=export)
            print(card.summary(told))
    finally:
        project, numbers = job.project, {split: result["metrics"] for split, result in job.results.items()}
        run.tracked.describe(card.head(told, project.purpose, project.table(numbers)))
        few = {split: _chosen(found, project.tracked[split]) for split, found in numbers.items()}
        run.record_results(few, history, facts_of(told))


def publish(job: Job, export: str = "all") -> dict:
    """Delivers the files and writes model.json and, unless `export` is "none", the card; returns the manifest."""
    told = deliver(job, export)
    with replacing(job.folder / "model.json") as new:
        new.write_text(model_json.text(told), encoding="utf-8")
    if export != "none":
        numbers = job.project.table({split: result["metrics"] for split, result in job.results.items()})
        judged = "test" if "test" in job.results else "validation"
        groups = job.results[judged]["groups"]
        weak, slices = (f"{judged}\n{job.project.group_table(groups, n).strip(chr(10))}" for n in (WEAKEST, SLICES))
        pictures = [(f"{judged}_{kind}.png", f"{words}, {judged}") for kind, words in job.project.pictures]
        pictures.insert(len(pictures) - 1, ("training_curves.png", "the numbers of every epoch"))  # before the heat map
        notes = job.results[judged].get("notes", ())
        card.write_card(job.folder, told, job.project.purpose, numbers, weak, slices, pictures, notes)
    if later := tracking.add_files(job.folder, tracked_files(job.folder)):  # of a run that had ended
        print(later)
    return told


def deliver(job: Job, export: str = "all") -> dict:
    """Makes the files in the job's folder and returns the manifest; the caller writes it.

    Args:
        export: "none", "keras" or "all", as `--export`.

    Raises:
        UserError: a layer or file that cannot be exported, a robot whose code cannot load this model, or a float32 file
            that is not the model. Then no file of the folder has changed.
    """
    chosen = _spread(job.evidence.outputs)
    items, named = make_items(job, export)
    told = {"keras": items["keras"].entry(job.folder, job)}
    answers, timed = {"keras": job.evidence.outputs[chosen]}, {}
    if export != "none":
        with _new_files(job.folder) as new:
            more = _write(new, items, job, chosen)
            told |= {name: items[name].entry(new, job) | added for name, added in more.items()}
            places = {name: (new if item.form.write else job.folder) / item.file for name, item in items.items()}
            answers = _prove(places, items, told, job, chosen) | answers  # of Keras those that the header has, too
            timed = {"timed_on": cpu()}
            for path in new.iterdir():
                path.replace(job.folder / path.name)
    _remove_stale(job.folder, items)
    patches = job.evidence.validation.X[np.array(chosen)].reshape(VECTORS, -1)
    expected = {name: answers.get(name, answers["keras"]).tolist() for name in told}
    result = job.description | {"cost": job.description["cost"] | timed, "forms": told}
    result |= {"vectors": {"patches": patches.tolist(), "expected": expected}} | ({"robots": named} if named else {})
    if "threshold" in job.description:
        shipped = job.description["threshold"]["keras"]
        result["threshold"] = {name: entry.pop("threshold", shipped) for name, entry in told.items()}
    model_json.check(result)
    return result


@contextmanager
def _new_files(folder: Path) -> Iterator[Path]:
    """Yields a folder inside `folder`, gone with all that is still in it when the block ends."""
    new = folder / f".export.{os.getpid()}"
    try:
        new.mkdir(exist_ok=True)
        yield new
    except OSError as error:
        raise UserError(f"{folder}: the exported files cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            shutil.rmtree(new)


def _write(new: Path, items: dict[str, Item], job: Job, chosen: list[int]) -> dict[str, dict]:
    """Makes the files; returns what each adds to its entry in model.json, by name."""
    made = [name for name, item in items.items() if item.form.write]
    y, threshold = job.evidence.validation.y, job.description.get("threshold", {}).get("keras")
    material = Material(
        calibration=select_calibration(job.evidence.calibration),
        validation=job.evidence.validation.X,
        choose=lambda found: own_threshold(y, job.evidence.outputs, found, threshold, job.project.judge),
        patches=job.evidence.validation.X[np.array(chosen)],
        expected=job.evidence.outputs[chosen],
        name=job.namespace,
        threshold=threshold,
        facts=model_json.facts(job.description),
    )
    more = {}
    for name in progress_bar(made, desc="exporting", unit="file", delay=1, leave=False):
        item = items[name]
        network = item.layout.network(*item.networks)
        more[name] = item.form.write(new / item.file, network, item.layout, material) or {}
    if "cpp" in items:
        kind = "classifier" if "threshold" in job.description else "detector"
        for template in TEMPLATES:
            text = (CPP / template).read_text(encoding="utf-8")
            text = text.replace(f"namespace {kind} = ::ball_{kind};", f"namespace {kind} = ::{job.namespace};")
            (new / template).write_text(text, encoding="utf-8")
    return more


def _prove(places: dict, items: dict[str, Item], told: dict, job: Job, chosen: list[int]) -> dict[str, np.ndarray]:
    """Runs every file over the validation split and times it; completes `told`; returns the answers to the vectors."""
    threshold = job.description.get("threshold", {}).get("keras")
    X, answers, calls = job.evidence.validation.X, {}, {}
    for name in progress_bar(places, desc="checking", unit="file", delay=1, leave=False):
        item, entry = items[name], told[name]
        predicted = entry.pop("predicted", None)
        if why := runtimes.missing(item.form.runtime):
            entry |= {"fit": None, "unfit": [f"not run when it was exported: {why}"]}
            continue
        opened = runtimes.open_file(places[name], item.form.runtime)
        blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))  # it may lie in a file
        found = np.concatenate([opened.predict(item.layout.feed(block)) for block in blocks])
        if predicted is not None and not np.array_equal(found, predicted):
            raise UserError(f"the {name} form does not give the bits that were predicted. Not shipped.")
        answers[name], reference = found[chosen], job.evidence.outputs
        if item.joint:
            reference = np.concatenate([reference, job.detector.outputs], axis=1)
        found, y = item.layout.read(found, X.shape[1]), job.evidence.validation.y
        verdict = compare(name, item.form.exact, y, reference, found, threshold, job.project.judge)
        entry |= {"parity": verdict.numbers, "fit": not verdict.unfit, "unfit": verdict.unfit}
        entry |= {"runtime_version": runtimes.version(item.form.runtime)}
        if opened.quantised:
            entry["quantised"] = {"scale": float(opened.quantised[0]), "zero_point": int(opened.quantised[1])}
        if verdict.threshold is not None:
            entry["threshold"] = verdict.threshold
        values = item.layout.feed(X[:100])
        if opened.times:
            entry["latency_us"] = opened.times(values)
        else:
            calls[name] = opened.single(values[:1])
    for name, times in measure_latency(calls).items():
        told[name]["latency_us"] = times
    return answers


def _remove_stale(folder: Path, items: dict[str, Item]) -> None:
    """Files that an earlier export left and this one did not make: the manifest no longer vouches for them."""
    made = {item.file for item in items.values()} | (set(TEMPLATES) if "cpp" in items else set())
    known = {form.file for form in FORMS.values() if form.write} | {robot_file(robot) for robot in ROBOTS.values()}
    for file in (known | {*FORMER, *TEMPLATES}) - made:
        (folder / file).unlink(missing_ok=True)


def _spread(outputs: np.ndarray) -> list[int]:
    """Indices of the test vectors: spread over the range of the first output, where a wrong model shows."""
    first = outputs[:, 0].astype(np.float64)
    left, chosen = list(range(len(first))), []
    for wanted in np.linspace(first.min(), first.max(), VECTORS):
        nearest = min(left or chosen, key=lambda i: abs(first[i] - wanted))
        chosen.append(nearest)
        left = [i for i in left if i != nearest]
    return chosen


def _chosen(numbers: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    return {name: numbers[name] for name in names if name in numbers}


def facts_of(result: dict) -> dict[str, float]:
    """The numbers of model.json by which runs are compared on a server; those of each format stay in model.json."""
    facts = {name: result["cost"][name] for name in ("parameters", "multiply_accumulates")}
    if "threshold" in result:
        facts["threshold"] = result["threshold"]["keras"]
    if times := result["forms"].get("cpp", {}).get("latency_us"):
        facts["latency_us"] = times["median"]
    return facts | {"rejected_formats": sum(entry["fit"] is False for entry in result["forms"].values())}
