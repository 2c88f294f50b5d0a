"""Decides from paired differences which of two models is better on the same patches, and shows what changed."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.atomic_files import new_folder, write_json
from common.cli import tables
from common.cli.find_run import default_output_dir
from common.cli.printable import printable
from common.datasets.load import read_files
from common.runs.bootstrap import bootstrap_interval
from common.runs.brightness_and_size import brightness_class, mean_brightness, size_class
from common.runs.evaluation import write_rows
from robot_export.comparison import chart
from robot_export.comparison.models import answers_of, notes, open_models

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHOWN = 20  # maximum number of patches per gallery


@dataclass(frozen=True)
class Measure:
    """A metric for comparing models.

    label: the displayed name. better: 1 if higher values are better, -1 if lower values are better.
    scale, unit: values are multiplied by `scale` and displayed with `unit`. digits: number of decimal places.
    """

    label: str
    better: int
    scale: float = 1.0
    unit: str = ""
    digits: int = 3

    def shown(self, value: float, sign: str = "") -> str:
        """Formats a value with its unit or, if `sign` is "+", a difference with its sign and without a unit."""
        return f"{value * self.scale:{sign}.{self.digits}f}{'' if sign else self.unit}"

    def interval(self, row: dict) -> str:
        """Formats the interval of a row that `differences` returns."""
        return " to ".join(self.shown(end, "+") for end in row["interval"])


@dataclass(frozen=True)
class Subject:
    """What a project provides for a comparison; `answers` are the outputs of a model, float32 [n, outputs].

    task: the task of the patches. columns: the names of the outputs.
    measures: the metrics; the first one decides which model is better.
    measure: takes (patches, answers, threshold) and returns a function. The returned function takes int [n],
        the number of times that each patch was drawn, and returns one float per metric, or one None per metric if the
        metrics are undefined.
    errors: takes (y, answers, threshold) and returns {kind of error: bool [n]}.
    gallery: takes (path, patches, answers of both models, chosen, title, subtitle) and draws the chosen patches.
    groups: takes y and returns {name: the group of each patch, str [n]}, in addition to the usual groups.
    """

    task: str
    columns: tuple[str, ...]
    measures: tuple[Measure, ...]
    measure: Callable
    errors: Callable
    gallery: Callable
    groups: Callable


def compare(subject: Subject, arguments: argparse.Namespace, paths: list[Path], files: list[Path]) -> None:
    """Compares all other models with the first model on the patches of the files; prints and saves the results.

    Args:
        arguments: the arguments of compare.py.
        paths: the paths of the models.
        files: the paths of the patch files.

    Raises:
        UserError: a model or a file cannot be used, or the models cannot be compared.
    """
    patches, _ = read_files(files, subject.task)
    models = open_models(paths, arguments, len(subject.columns), patches)
    answers = [answers_of(model, patches.X, len(subject.columns)) for model in models]
    name = f"comparison-{models[0].name}-{models[1].name}".replace("/", "-")
    folder = new_folder(arguments.output_dir or default_output_dir() / name)
    groups = subject.groups(patches.y) | {
        "side": size_class(patches.side),
        "brightness": brightness_class(mean_brightness(patches.X)),
        "camera": patches.camera,
        "recording": patches.recording,
    }
    told = {
        "models": [{"name": m.name, "file": str(m.file), "threshold": m.threshold} for m in models],
        "digest": patches.digest,
        "files": list(patches.files),
        "notes": notes(models, patches),
        "against_A": {},
    }
    for letter, model in zip(LETTERS, models, strict=False):
        judged = "" if model.threshold is None else f"  threshold {model.threshold:.6g}, {model.threshold_from}"
        print(f"{letter}: {printable(model.name)}{judged}")
    for number in range(1, len(models)):
        names, suffix = ("A", LETTERS[number]), f"_{LETTERS[number]}" if len(models) > 2 else ""
        pair = [(answers[i], models[i].threshold) for i in (0, number)]
        found = _one_pair(subject, patches, pair, groups, names, folder, suffix)
        told["against_A"][names[1]] = found
        print(f"{found['sentence']} ({printable(models[0].name)} against {printable(models[number].name)})")
    for note in told["notes"]:
        print(f"note: {note}")
    columns = {"index": range(len(patches))}
    for prefix, values in (("label", patches.y.reshape(len(patches), -1)), *zip(LETTERS, answers, strict=False)):
        columns |= {f"{prefix}_{name}": values[:, i] for i, name in enumerate(subject.columns)}
    write_rows(folder / "scores.csv", columns | {"camera": patches.camera, "recording": patches.recording})
    write_json(folder / "comparison.json", told)
    print(f"numbers, scores and pictures: {folder}")


def _one_pair(subject: Subject, patches, pair: list, groups: Mapping, names: tuple, folder: Path, suffix: str) -> dict:
    """Compares two models: prints tables, draws pictures, returns all metrics; pair: (answers, threshold) of each."""
    numbers = differences(subject, patches, pair)
    errors = [subject.errors(patches.y, *one) for one in pair]
    wrong = [np.any(list(kinds.values()), axis=0) for kinds in errors]
    counted = {f"{kind} {name}": kinds[kind] for kind in errors[0] for name, kinds in zip(names, errors, strict=True)}
    counted |= {"fixed": wrong[0] & ~wrong[1], "broken": ~wrong[0] & wrong[1]}
    rows = group_rows(counted, {"all": np.full(len(patches), "all patches"), **groups})
    told = sentence(subject.measures[0], numbers, names)
    print(table(subject.measures, numbers, names))
    columns = [(name, name, "d") for name in ("patches", *counted)]
    print(tables.group_table(columns, rows, lambda row: row["fixed"] + row["broken"]))
    chart.draw(folder / f"comparison{suffix}.png", subject.measures, numbers, rows, told, names)
    change = np.abs(pair[1][0] - pair[0][0]).sum(axis=1)
    for what, (bad, good) in (("fixed", names), ("broken", names[::-1])):
        found = np.flatnonzero(counted[what])
        chosen = found[np.argsort(-change[found], kind="stable")][:SHOWN]
        title = f"{len(found)} {'patch' if len(found) == 1 else 'patches'} {what}: {bad} is wrong, {good} is right"
        subtitle = "" if len(found) <= SHOWN else f"the {SHOWN} that changed most; "
        subject.gallery(folder / f"{what}{suffix}.png", patches, [one[0] for one in pair], chosen, title, subtitle)
    return {"sentence": told, "numbers": numbers, "groups": rows}


def differences(subject: Subject, patches, pair: list) -> list[dict]:
    """Computes each metric for both models, their difference, and the 95 % interval of the difference.

    The bootstrap draws recordings and measures both models on the same recordings, so a recording that is hard for both
    models does not affect the difference. If there are fewer than two recordings, the bootstrap draws single patches.

    Returns:
        One dict per metric, with a `verdict` of "better", "worse" or "none"; an empty list if a metric is undefined.
    """
    measures = [subject.measure(patches, answers, threshold) for answers, threshold in pair]
    members = np.arange(len(patches))
    if patches.recording is not None and len(set(patches.recording)) > 1:
        members = np.unique(patches.recording, return_inverse=True)[1]
    every = np.arange(members.max() + 1)

    def values(drawn):
        times = np.bincount(drawn, minlength=len(every))[members]
        return np.array([measure(times) for measure in measures], float)  # NaN if undefined

    def grown(drawn):
        found = values(drawn)
        return None if np.isnan(found).any() else found[1] - found[0]

    if grown(every) is None:
        return []
    rows, interval = [], bootstrap_interval(grown, every)
    for measure, a, b, low, high in zip(subject.measures, *values(every).tolist(), *interval, strict=True):
        row = {"measure": measure.label, "A": a, "B": b, "difference": b - a, "interval": [low, high]}
        better = "better" if (low > 0) == (measure.better > 0) else "worse"
        rows.append(row | {"verdict": better if low > 0 or high < 0 else "none"})
    return rows


def group_rows(counted: Mapping, groups: Mapping) -> list[dict]:
    """Counts how many patches of each group have each property; counted: {name of the property: bool [n]}."""
    rows = []
    for group, members in groups.items():
        for name in [] if members is None else np.unique(members):
            chosen = np.asarray(members) == name
            row = {"group": group, "name": printable(name), "patches": int(chosen.sum())}
            rows.append(row | {what: int((mask & chosen).sum()) for what, mask in counted.items()})
    return rows


def table(measures: Sequence[Measure], numbers: list[dict], names: tuple[str, str]) -> str:
    """Makes a table with the metrics of both models side by side."""
    a, b = names
    lines = [f"\n{'':36}{a:>10}{b:>10}{f'{b} - {a}':>10}  95 % interval"]
    for measure, row in zip(measures, numbers, strict=False):
        cells = measure.shown(row["A"]), measure.shown(row["B"]), measure.shown(row["difference"], "+")
        told = f"{measure.interval(row):22}  {verdict(row, names)}"
        lines.append(f"{measure.label:36}{''.join(f'{cell:>10}' for cell in cells)}  {told}")
    return "\n".join(lines)


def sentence(measure: Measure, numbers: list[dict], names: tuple[str, str]) -> str:
    """Describes the result for the first metric in one sentence."""
    if not numbers:
        return f"no difference shown: {measure.label} is undefined for these patches"
    row = numbers[0]
    values = " and ".join(f"{measure.shown(row[key])} ({name})" for key, name in zip("AB", names, strict=True))
    unit = " points" if measure.unit == " %" else measure.unit
    difference = f"difference {measure.shown(row['difference'], '+')}{unit}, 95 % interval {measure.interval(row)}"
    return f"{verdict(row, names)}: {measure.label} {values}, {difference}"


def verdict(row: dict, names: tuple[str, str]) -> str:
    """Says which model is better according to a row of `differences`."""
    better = {"better": names[1], "worse": names[0]}.get(row["verdict"])
    return f"{better} is better" if better else "no difference shown"
