"""Tells which of two models is better on the same patches, by paired differences with intervals, and what changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.atomic_files import new_folder, replacing
from common.cli import tables
from common.cli.printable import printable
from common.cli.training_options import TrainingOptions
from common.runs.bootstrap import bootstrap_interval
from common.runs.evaluation import write_rows
from common.runs.patch_classes import brightness_class, mean_brightness, size_class
from robot_export.comparison import picture
from robot_export.comparison.models import answers_of, notes

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHOWN = 20  # patches per gallery


@dataclass(frozen=True)
class Measure:
    """A metric for comparing models.

    label: for people. better: 1 if more is better, -1 if less is. scale: factor for display; unit: after the factor.
    """

    label: str
    better: int
    scale: float = 1.0
    unit: str = ""
    digits: int = 3

    def shown(self, value: float, sign: str = "") -> str:
        """A value for people; with `sign` "+" it is a difference, shown without a unit (for rates, in points)."""
        return f"{value * self.scale:{sign}.{self.digits}f}{'' if sign else self.unit}"


@dataclass(frozen=True)
class Subject:
    """What a comparison needs from a project; y are labels, answers float32 [n, outputs].

    columns: names of the outputs. measures: the metrics, of which the first decides.
    measure: (y, answers, threshold) -> (times drawn, int [n]) -> one float per measure, None if undefined.
    errors: (y, answers, threshold) -> kind of error -> bool [n].
    quality: (y, answers) -> float [n], higher for a better answer; sorts the galleries.
    gallery: (path, patches, answers of both, chosen, title, subtitle) draws the chosen patches.
    groups: y -> further groups of patches by name: str [n] each.
    """

    columns: tuple[str, ...]
    measures: tuple[Measure, ...]
    measure: Callable
    errors: Callable
    quality: Callable
    gallery: Callable
    groups: Callable


def compare(subject: Subject, models: list, patches, output_dir: Path | None) -> None:
    """Scores all models, compares them with the first, and prints and writes the results.

    Args:
        models: robot_export.scorer.Scorer, two or more.
        patches: common.datasets.patch_file.Patches. output_dir: None for a new folder in the output folder.

    Raises:
        UserError: a model whose outputs cannot be compared.
    """
    answers = [answers_of(model, patches.X, len(subject.columns)) for model in models]
    default = TrainingOptions().output_dir / f"comparison-{models[0].name}-{models[1].name}"
    folder = new_folder(output_dir or default)
    light = brightness_class(mean_brightness(patches.X))
    groups = subject.groups(patches.y) | {"side": size_class(patches.side), "brightness": light}
    groups |= {"camera": patches.camera, "recording": patches.recording}
    sections = []
    for letter, model in zip(LETTERS, models, strict=False):
        judged = "" if model.threshold is None else f"  threshold {model.threshold:.6g}, {model.threshold_from}"
        sections.append(f"{letter}: {printable(model.name)}{judged}")
    facts = [{"name": model.name, "file": str(model.file), "threshold": model.threshold} for model in models]
    told = {"models": facts, "digest": patches.digest, "files": list(patches.files)}
    told |= {"notes": notes(models, patches), "against_A": {}}
    for number in range(1, len(models)):
        pair = [(answers[i], models[i].threshold) for i in (0, number)]
        names, suffix = ("A", LETTERS[number]), f"_{LETTERS[number]}" if len(models) > 2 else ""
        numbers = differences(subject, patches, pair)
        rows = group_rows(subject, patches.y, pair, groups, names)
        told_in_short = sentence(subject.measures[0], numbers[0], names)
        told["against_A"][names[1]] = {"sentence": told_in_short, "numbers": numbers, "groups": rows}
        sections += [table(subject.measures, numbers, names), groups_as_text(rows, names)]
        sections.append(f"{told_in_short} ({printable(models[0].name)} against {printable(models[number].name)})")
        picture.draw(folder / f"comparison{suffix}.png", subject.measures, numbers, rows, told_in_short, names)
        _galleries(folder, suffix, subject, patches, pair, names)
    print("\n".join([*sections, *(f"note: {note}" for note in told["notes"])]))
    _write(folder, told, subject, patches, answers)
    print(f"numbers, scores and pictures: {folder}")


def differences(subject: Subject, patches, pair: list) -> list[dict]:
    """For each measure, its value for both models, the paired difference, and its 95 % interval over recordings.

    Both models are measured on the same drawn recordings, so a recording that is hard for both does not affect the
    difference. If there are fewer than two recordings, single patches are drawn.

    Returns:
        One dict per measure; `verdict` is better, worse or none. Undefined numbers are None.
    """
    measures = [subject.measure(patches.y, answers, threshold) for answers, threshold in pair]
    recording = patches.recording if patches.recording is not None and len(set(patches.recording)) > 1 else None
    members = np.arange(len(patches)) if recording is None else np.unique(recording, return_inverse=True)[1]
    once = np.ones(len(patches), int)
    values = [np.array([np.nan if v is None else v for v in measure(once)], float) for measure in measures]
    defined = np.flatnonzero(np.isfinite(values[0]) & np.isfinite(values[1]))

    def grown(drawn):
        times = np.bincount(drawn, minlength=members.max() + 1)[members]
        found = [np.array(measure(times), object)[defined].tolist() for measure in measures]
        return None if None in found[0] + found[1] else np.subtract(found[1], found[0])

    interval = bootstrap_interval(grown, np.arange(members.max() + 1)) if len(defined) else None
    rows = []
    for i, measure in enumerate(subject.measures):
        row = {"measure": measure.label, "A": None, "B": None, "difference": None, "interval": None, "verdict": "none"}
        if i in defined:
            place = int(np.searchsorted(defined, i))
            row |= {"A": float(values[0][i]), "B": float(values[1][i])}
            row["difference"] = row["B"] - row["A"]
            if interval is not None:
                low, high = (float(end[place]) for end in interval)
                row["interval"] = [low, high]
                if low > 0 or high < 0:
                    row["verdict"] = "better" if (low > 0) == (measure.better > 0) else "worse"
        rows.append(row)
    return rows


def group_rows(subject: Subject, y, pair: list, groups: Mapping, names: tuple[str, str]) -> list[dict]:
    """How often each model errs in each group, and how many patches the second fixes and breaks."""
    errors = [subject.errors(y, answers, threshold) for answers, threshold in pair]
    wrong = [np.any(list(kinds.values()), axis=0) for kinds in errors]
    counted = {f"{kind} {name}": kinds[kind] for kind in errors[0] for name, kinds in zip(names, errors, strict=True)}
    counted |= {"fixed": wrong[0] & ~wrong[1], "broken": ~wrong[0] & wrong[1]}
    rows = []
    for group, members in {"all": np.full(len(y), "all patches"), **groups}.items():
        for name in [] if members is None else np.unique(members):
            chosen = np.asarray(members) == name
            row = {"group": group, "name": printable(name), "patches": int(chosen.sum())}
            rows.append(row | {what: int((mask & chosen).sum()) for what, mask in counted.items()})
    return rows


def groups_as_text(rows: list[dict], names: tuple[str, str]) -> str:
    """The rows of `group_rows` as tables, the groups with most changed patches first."""
    columns = [(name, name, "d") for name in rows[0] if name not in ("group", "name")]
    return tables.group_table(columns, rows, lambda row: row["fixed"] + row["broken"])


def table(measures: tuple[Measure, ...], numbers: list[dict], names: tuple[str, str]) -> str:
    """The numbers side by side."""
    a, b = names
    lines = [f"\n{'':36}{a:>10}{b:>10}{f'{b} - {a}':>10}  95 % interval"]
    for measure, row in zip(measures, numbers, strict=True):
        cells = ["-"] * 3
        if row["difference"] is not None:
            cells = [measure.shown(row["A"]), measure.shown(row["B"]), measure.shown(row["difference"], "+")]
        told = f"{_interval(measure, row):22}  {verdict(row, names)}"
        lines.append(f"{measure.label:36}{''.join(f'{cell:>10}' for cell in cells)}  {told}")
    return "\n".join(lines)


def sentence(measure: Measure, row: dict, names: tuple[str, str]) -> str:
    """The result of the first measure in one sentence."""
    if row["difference"] is None:
        return f"{verdict(row, names)}: {measure.label} is undefined for these patches"
    values = " and ".join(f"{measure.shown(row[key])} ({name})" for key, name in zip("AB", names, strict=True))
    unit = " points" if measure.unit == " %" else measure.unit
    difference = f"difference {measure.shown(row['difference'], '+')}{unit}, 95 % interval {_interval(measure, row)}"
    return f"{verdict(row, names)}: {measure.label} {values}, {difference}"


def _interval(measure: Measure, row: dict) -> str:
    return " to ".join(measure.shown(end, "+") for end in row["interval"]) if row["interval"] else "unknown"


def verdict(row: dict, names: tuple[str, str]) -> str:
    """The verdict of one row of `differences`: which model is better."""
    if row["verdict"] == "none":
        return "no difference shown"
    return f"{names[1] if row['verdict'] == 'better' else names[0]} is better"


def _galleries(folder: Path, suffix: str, subject: Subject, patches, pair: list, names: tuple[str, str]) -> None:
    """Draws the fixed and the broken patches, sorted by the difference of the outputs."""
    wrong = [np.any(list(subject.errors(patches.y, *one).values()), axis=0) for one in pair]
    change = subject.quality(patches.y, pair[1][0]) - subject.quality(patches.y, pair[0][0])
    for what, mask, sign in (("fixed", wrong[0] & ~wrong[1], -1), ("broken", ~wrong[0] & wrong[1], 1)):
        found = np.flatnonzero(mask)
        chosen = found[np.argsort(sign * change[found], kind="stable")][:SHOWN]
        good, bad = names if what == "broken" else names[::-1]
        title = f"{len(found)} {'patch' if len(found) == 1 else 'patches'} {what}: {bad} is wrong, {good} is right"
        subtitle = "" if len(found) <= SHOWN else f"the {SHOWN} that changed most; "
        subject.gallery(folder / f"{what}{suffix}.png", patches, [one[0] for one in pair], chosen, title, subtitle)


def _write(folder: Path, told: dict, subject: Subject, patches, answers: list) -> None:
    labels = patches.y.reshape(len(patches), -1)
    columns = {"index": range(len(patches))}
    for prefix, values in (("label", labels), *zip(LETTERS, answers, strict=False)):
        columns |= {f"{prefix}_{name}": values[:, i] for i, name in enumerate(subject.columns)}
    columns |= {"camera": patches.camera, "recording": patches.recording}
    write_rows(folder / "scores.csv", columns)
    with replacing(folder / "comparison.json") as partial:
        partial.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
