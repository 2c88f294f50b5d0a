"""Writes the report on a scored set of patches: metrics, pictures and one row per patch."""

import argparse
from pathlib import Path

from classifier_cnn import metrics, plots
from classifier_cnn.metrics import Scored
from classifier_cnn.options import CONFIDENCE
from classifier_cnn.robustness import sheet
from classifier_cnn.summary import group_table, table
from classifier_cnn.threshold import choose_threshold
from common.atomic_files import new_folder, write_json
from common.cli.training_options import TrainingOptions
from common.datasets.load import read_files
from common.runs.brightness_and_size import brightness_class, mean_brightness, size_class
from common.runs.evaluation import load_predictor, model_name, write_rows


def report(folder: Path, scored: Scored, files=None, confidence: float = CONFIDENCE) -> dict:
    """Computes all metrics of a set of patches, draws its pictures, and writes one row per patch.

    Args:
        files: str [n], the file of each patch, if patches of several files are scored together.
        confidence: confidence of the band in the ROC curve.

    Returns:
        `metrics` (by name, including the metrics of the baselines), `groups` (metrics by file, camera, recording, side,
        brightness), and `notes`, sentences for the model card.
    """
    patches, scores, threshold = scored.patches, scored.scores, scored.threshold
    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    by_class = {"side": size_class(patches.side), "brightness": brightness_class(mean_brightness(patches.X))}
    numbers = metrics.evaluate(patches.y, scores, threshold) | metrics.baseline(patches.y, patches.X)
    numbers |= metrics.false_positive_interval(patches.y, scores, threshold, patches.recording)
    result = {
        "metrics": numbers,
        "groups": metrics.evaluate_groups(patches.y, scores, threshold, **groups, **by_class),
        "notes": notes(numbers),
    }
    plots.write_all(folder, scored, confidence)
    columns = {"index": range(len(scores)), "label": patches.y.astype(int), "score": scores, **groups}
    write_rows(Path(folder) / f"{scored.name}{'_' if scored.name else ''}scores.csv", columns)
    return result


def notes(numbers: dict[str, float]) -> list[str]:
    """Returns sentences that explain what the metrics mean in a game."""
    if "false_positive_rate_high" not in numbers:
        return []
    keys = ("false_positive_rate", "false_positive_rate_low", "false_positive_rate_high")
    rate, low, high = (numbers[key] * metrics.CANDIDATES_PER_MINUTE for key in keys)
    return [
        f"{rate:,.0f} false balls per minute (95 % interval {low:,.0f} to {high:,.0f}) at 25 candidates x 2 cameras x "
        "30 Hz, if the robot's candidates resembled these patches without a ball."
    ]


def evaluate_saved(arguments: argparse.Namespace, model_file: Path, threshold: float, origin: str) -> None:
    """Reads patch files, scores a saved model on them, writes the report into a new folder, and prints it.

    Args:
        arguments: those of evaluate.py.
        threshold: the decision threshold. origin: describes where the threshold comes from, for the report.

    Raises:
        UserError: files cannot be read or scored together, or the model expects patches of another shape.
    """
    patches, files = read_files(arguments.files, "classification")
    predict = load_predictor(model_file, patches.X.shape[1:], outputs=1)
    scores = predict(patches.X)[:, 0]
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"evaluation-{model_name(model_file)}")
    confidence = CONFIDENCE if arguments.confidence is None else arguments.confidence
    result = report(folder, Scored(patches, scores, threshold), files, confidence)
    sheet(folder, result, predict, patches, threshold)
    result["threshold_from"] = origin
    print(table({"": result["metrics"]}))
    print(group_table(result["groups"]))
    print(f"threshold {threshold:.6g}: {origin}")
    if arguments.max_fpr is not None:
        chosen = choose_threshold(patches.y, scores, arguments.max_fpr, confidence, patches.side)
        result["chosen_on_these_files"] = vars(chosen)
        print(describe(chosen))
    sources = {"model": str(arguments.model), "files": [str(path) for path in arguments.files]}
    write_json(folder / "evaluation.json", sources | {"digest": patches.digest} | result)
    print(f"numbers, scores and pictures: {folder}")


def describe(chosen) -> str:
    """Describes a newly chosen `threshold.Threshold` in a few lines."""
    rates = (("recall", chosen.recall), ("false positive rate", chosen.false_positive_rate))
    found = ", ".join(f"{what} {value:.2%}" for what, value in rates if value is not None)
    limit = f"{chosen.max_fpr * 100:.4g} %"
    line = f"chosen on these files for a false positive rate of at most {limit}: {chosen.value:.9g} ({found})"
    line += f"; {chosen.promise}\n{chosen.sides}"
    return line + (f"\nwarning: {chosen.warning}" if chosen.warning else "")
