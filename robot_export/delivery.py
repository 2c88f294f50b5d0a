"""Makes the deployable forms of a model, holds each against it, and writes the contract and the card."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from common.provenance import cpu
from robot_export import contract
from robot_export.forms import CHOICES, FORMER, FORMS, TEMPLATE, Material, select_calibration
from robot_export.onnx_file import OPSET
from robot_export.parity import Judge, compare
from robot_export.project import Project

VECTORS = 8
WEAKEST = 4  # recordings, cameras, brightnesses that the card names


@dataclass(frozen=True)
class Evidence:
    """What the forms are made and judged with.

    calibration: uint8 [n, h, w, c], training patches. validation: common.datasets.patch_file.Patches, the whole split.
    outputs: float32 [n, k], what the Keras model says of it.
    """

    calibration: np.ndarray
    validation: object
    outputs: np.ndarray


def publish_run(run, history, model, description: dict, evidence: Evidence, project: Project, results: dict) -> None:
    """The end of a training: contract, forms and card into its folder, every number into tracking.

    The contract of model.keras alone is written first: an export that fails costs the night nothing but the export.
    A stopped training leaves no more than that; resumed, it exports at its end.

    Args:
        run: a common.runs.run_folder.RunFolder. history: a common.training.fit.History.
        results: {split: {"metrics", "groups"}}.

    Raises:
        UserError: as `deliver`, after everything else has been recorded.
    """
    from robot_export import card

    export = "none" if run.stop() else description["options"]["export"]
    arguments = (run.path, model, description, evidence, project, results)
    told = publish(*arguments, export="none")
    try:
        if export != "none":
            told = publish(*arguments, export=export)
            print(card.summary(told))
    finally:
        numbers = {split: result["metrics"] for split, result in results.items()}
        run.tracked.describe(card.head(told, project.purpose, project.table(numbers)))
        few = {split: _chosen(found, project.tracked[split]) for split, found in numbers.items()}
        run.record_results(few, history, facts_of(told))


def publish(
    folder: Path, model, description: dict, evidence: Evidence, project: Project, results: dict, export: str
) -> dict:
    """Delivers the forms and writes model.json and, unless `export` is "none", README.md; returns the contract."""
    told = deliver(folder, model, description, evidence, project.judge, export)
    with replacing(folder / "model.json") as new:
        new.write_text(contract.text(told), encoding="utf-8")
    if export != "none":
        from robot_export.card import write_card

        numbers = project.table({split: result["metrics"] for split, result in results.items()})
        judged = "test" if "test" in results else "validation"
        weak = project.group_table(results[judged]["groups"], WEAKEST).strip("\n")
        pictures = [(f"{judged}_{kind}.png", f"{words}, {judged}") for kind, words in project.pictures]
        write_card(folder, told, project.purpose, numbers, f"{judged}\n{weak}", pictures)
    return told


def deliver(folder: Path, model, description: dict, evidence: Evidence, judge: Judge, export: str = "all") -> dict:
    """Makes the forms in `folder`, which holds model.keras, and returns the contract; the caller writes it.

    Args:
        folder: gets the files, all of them at the end, when every one has been proven.
        model: the trained keras.Model, as in `folder`/model.keras.
        description: of `describe_model`; its input["normalised"] says what the files take.
        evidence: see there.
        judge: of the project.
        export: "none", "keras" or "all", as `--export`.

    Raises:
        UserError: a layer or file that cannot be exported, or a float32 form that is not the model. Then no file of
            `folder` has changed.
    """
    names, chosen = CHOICES[export], _spread(evidence.outputs)
    told = {name: _entry(folder / FORMS[name].file, name, description) for name in names if FORMS[name].write is None}
    outputs, timed = {"keras": evidence.outputs}, {}
    if export != "none":
        with _new_files(folder) as new:
            _write(new, names, model, evidence, description, chosen)
            told |= {name: _entry(new / FORMS[name].file, name, description) for name in names if name not in told}
            places = {name: (new if FORMS[name].write else folder) / FORMS[name].file for name in names}
            outputs, timed = _prove(places, told, description, evidence, judge), {"timed_on": cpu()}
            for name, place in places.items():
                if place.parent == new:
                    place.replace(folder / FORMS[name].file)
            for template in new.glob(TEMPLATE.name):
                template.replace(folder / template.name)
    _remove_stale(folder, names)
    vectors = _vectors(evidence, told, outputs, chosen)
    result = description | {"cost": description["cost"] | timed, "forms": told, "vectors": vectors}
    if "threshold" in description:
        shipped = {name: entry.pop("threshold", description["threshold"]["keras"]) for name, entry in told.items()}
        result["threshold"] = shipped
    contract.check(result)
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


def _write(new: Path, names, model, evidence: Evidence, description: dict, chosen: list[int]) -> None:
    made = [name for name in names if FORMS[name].write]
    if not made:
        return
    from common.cli.progress import progress_bar
    from robot_export.folding import fold

    network = fold(model)
    shutil.copyfile(TEMPLATE, new / TEMPLATE.name)
    material = Material(
        calibration=select_calibration(evidence.calibration),
        normalised=description["input"]["normalised"],
        patches=evidence.validation.X[np.array(chosen)],
        expected=evidence.outputs[chosen],
        name=description["project"],  # not the run's: a better model is put in the place of another without a change
        threshold=description.get("threshold", {}).get("keras"),
        facts=contract.facts(description),
    )
    for name in progress_bar(made, desc="exporting", unit="form", delay=1, leave=False):
        FORMS[name].write(new / FORMS[name].file, network, material)


def _entry(path: Path, name: str, description: dict) -> dict:
    """What the contract says of a file before it has run."""
    form, content = FORMS[name], path.read_bytes()
    more = {"opset": OPSET} if form.runtime == "ONNX Runtime" else {}
    return more | {
        "file": form.file,
        "runtime": form.runtime,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "normalised": description["input"]["normalised"] and not form.always_raw,
        "input_type": form.takes,
        "quantised": None,
        "peak_activation_bytes": description["cost"]["peak_activation_bytes"] * form.bytes // 4,
        "fit": True,
        "unfit": [],
        "parity": None,
        "latency_us": None,
        "tolerance": contract.TOLERANCE["exact" if form.exact else "quantised"],
    }


def _prove(places: dict, told: dict, description: dict, evidence: Evidence, judge: Judge) -> dict[str, np.ndarray]:
    """Runs every file over the validation split and times it; completes `told`; returns the outputs."""
    from common.cli.progress import progress_bar
    from robot_export import runtimes
    from robot_export.cost import measure_latency

    threshold = description.get("threshold", {}).get("keras")
    X, outputs, calls = evidence.validation.X, {}, {}
    for name in progress_bar(places, desc="checking", unit="form", delay=1, leave=False):
        form, entry = FORMS[name], told[name]
        if why := runtimes.missing(form.runtime):
            entry |= {"fit": None, "unfit": [f"not run when it was exported: {why}"]}
            continue
        opened = runtimes.open_file(places[name], form.runtime)

        def feed(patches, opened=opened, entry=entry):
            return runtimes.feed(patches, opened, *contract.scaling(description), entry["normalised"])

        blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))  # it may lie in a file
        outputs[name] = np.concatenate([opened.predict(feed(block)) for block in blocks])
        values = feed(X[:100])
        verdict = compare(name, form.exact, evidence.validation.y, evidence.outputs, outputs[name], threshold, judge)
        entry |= {"parity": verdict.numbers, "unfit": verdict.unfit, "fit": not verdict.unfit}
        entry |= {"runtime_version": runtimes.version(form.runtime)}
        if opened.quantised:
            entry["quantised"] = {"scale": float(opened.quantised[0]), "zero_point": int(opened.quantised[1])}
        if verdict.threshold is not None:
            entry["threshold"] = verdict.threshold
        if opened.times:
            entry["latency_us"] = opened.times(values)
        else:
            calls[name] = opened.single(values[:1])
    for name, times in measure_latency(calls).items():
        told[name]["latency_us"] = times
    return outputs


def _remove_stale(folder: Path, names) -> None:
    """Files of forms that an earlier export left and this one did not make: the contract no longer vouches for them."""
    stale = [form.file for name, form in FORMS.items() if name not in names and form.write]
    for file in (*stale, *FORMER, *([TEMPLATE.name] if "cpp" not in names else [])):
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


def _vectors(evidence: Evidence, told: dict, outputs: dict[str, np.ndarray], chosen: list[int]) -> dict:
    """The test vectors and every form's answers; of a form that could not run here, those of Keras.

    Keras's are those in the header, so that `verify` can make the header again.
    """
    patches = evidence.validation.X[np.array(chosen)].reshape(VECTORS, -1)
    outputs = outputs | {"keras": evidence.outputs}
    expected = {name: outputs.get(name, evidence.outputs)[chosen].tolist() for name in told}
    return {"patches": patches.tolist(), "expected": expected}


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
