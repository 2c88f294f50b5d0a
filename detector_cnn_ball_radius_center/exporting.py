"""Exports the detector: reads the model and patches, writes the files, and measures the errors of each format."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.data import load_data
from detector_cnn_ball_radius_center.options import PROJECT, Options
from detector_cnn_ball_radius_center.report import report
from detector_cnn_ball_radius_center.summary import TRACKED, group_table, table
from robot_export.finish_export import finish_export
from robot_export.project import Project
from robot_export.read_source import load_recorded, open_job, read_source

TARGET = {
    "order": ["radius", "center_x", "center_y"],
    "units": "fractions of the patch's width and height",
    "origin": "top left corner of the patch, x to the right, y down",
}


def export(arguments: argparse.Namespace) -> None:
    """Reads the model, exports and checks it, and prints the result; the arguments are those of export.py.

    Raises:
        UserError: a file or the model cannot be used, or the outputs of a format differ from the model's.
    """
    source = read_source(arguments, PROJECT, TARGET, partial(load_recorded, Options, load_data))
    job = open_job(arguments, source, project(source.validation.X.shape[2]))
    manifest = source.manifest
    if "mean" not in manifest.target:
        manifest = replace(manifest, target=manifest.target | {"mean": source.validation.y.mean(0).tolist()})
    circle = manifest.target["mean"]

    def evaluate(folder: Path) -> dict:
        patches, outputs = source.validation, source.outputs
        return job.results or {"validation": report(folder, patches, outputs, circle, "validation")}

    finish_export(job, manifest, evaluate)


def project(size: int) -> Project:
    """Returns what an export needs to know about the detector.

    Args:
        size: width of the patches in pixels.
    """

    def measure(y, outputs, threshold):
        numbers = metrics.evaluate(y, outputs, size)
        names = ("median_center_error_px", "mean_center_error_px", "mean_iou")
        return {name: numbers[name] for name in names}

    purpose = "Finds where in an image patch the ball is, and how large: radius and centre in fractions of the patch."
    pictures = (
        ("errors", "errors"),
        ("targets", "predicted against true values"),
        ("worst", "the worst patches"),
        ("robustness", "overlap and centre error on corrupted pictures"),
    )
    return Project(PROJECT, purpose, measure, table, group_table, pictures, TRACKED)
