"""Writes the report on a scored set of patches: metrics, pictures and one row per patch."""

import argparse
import json
from pathlib import Path

from common.atomic_files import new_folder, write_json
from common.cli.training_options import TrainingOptions
from common.datasets.load import read_files
from common.runs.brightness_and_size import brightness_class, mean_brightness, size_class
from common.runs.evaluation import load_predictor, model_name, write_rows
from detector_cnn_ball_radius_center import metrics, plots
from detector_cnn_ball_radius_center.robustness import sheet
from detector_cnn_ball_radius_center.summary import group_table, table


def report(folder: Path, patches, circles, mean_circle, name: str = "", files=None) -> dict:
    """Computes all metrics of a set of patches, draws its pictures, and writes one row per patch.

    Args:
        circles: float32 [n, 3], predicted.
        mean_circle: the mean of the training circles, used as a baseline.
        name: `validation` or `test`, for the titles and as a prefix of the file names.
        files: str [n], the file of each patch, if patches of several files are scored together.

    Returns:
        `metrics` (by name, with those of the baseline) and `groups` (metrics by radius class, file, camera, recording,
        side, brightness).
    """
    size = patches.X.shape[2]
    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    by_class = {"side": size_class(patches.side), "brightness": brightness_class(mean_brightness(patches.X))}
    numbers = metrics.evaluate(patches.y, circles, size) | metrics.baseline(patches.y, mean_circle, size)
    plots.write_all(folder, patches, circles, name)
    columns = {"index": range(len(circles))}
    for prefix, values in (("true", patches.y), ("predicted", circles)):
        columns |= {f"{prefix}_{what}": values[:, i] for i, what in enumerate(("radius", "center_x", "center_y"))}
    columns |= {"iou": metrics.circle_iou(patches.y, circles), **groups}
    write_rows(Path(folder) / f"{name}{'_' if name else ''}circles.csv", columns)
    return {"metrics": numbers, "groups": metrics.evaluate_groups(patches.y, circles, size, **groups, **by_class)}


def evaluate_saved(arguments: argparse.Namespace, model_file: Path) -> None:
    """Reads the files for evaluate.py, scores a saved model on them, writes the report to a new folder, and prints it.

    Raises:
        UserError: files cannot be read or scored together, or the model expects patches of another shape.
    """
    patches, files = read_files(arguments.files, "detection")
    predict = load_predictor(model_file, patches.X.shape[1:], outputs=3)
    circles = predict(patches.X)
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"evaluation-{model_name(model_file)}")
    mean_circle, origin = read_mean_circle(model_file, patches.y)
    result = report(folder, patches, circles, mean_circle, files=files) | {"mean_circle_from": origin}
    sheet(folder, result, predict, patches)
    print(table({"": result["metrics"]}))
    print(group_table(result["groups"]))
    print(f"the mean circle is that {origin}")
    sources = {"model": str(arguments.model), "files": [str(path) for path in arguments.files]}
    write_json(folder / "evaluation.json", sources | {"digest": patches.digest} | result)
    print(f"numbers, circles and pictures: {folder}")


def read_mean_circle(model_file: Path, y) -> tuple[list[float], str]:
    """Returns the baseline's circle and a description of its source: the training data or the scored files.

    The baseline is only for comparison, so a model.json without a mean circle is not an error.
    """
    try:
        mean = json.loads(model_file.with_name("model.json").read_text(encoding="utf-8"))["target"]["mean"]
        radius, x, y_ = (float(value) for value in mean)
        return [radius, x, y_], "of the training patches (model.json)"
    except (OSError, ValueError, KeyError, TypeError):
        return y.mean(0).tolist(), "of these patches (the model has none)"
