"""Exports the classifier: reads the model and patches, writes the files, and chooses the threshold of each format."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from classifier_cnn import metrics
from classifier_cnn.data import load_data
from classifier_cnn.metrics import Scored
from classifier_cnn.options import CONFIDENCE, MAX_FPR, PROJECT, Options
from classifier_cnn.report import report
from classifier_cnn.summary import TRACKED, group_table, table
from classifier_cnn.threshold import allowed_false_positives, choose_threshold
from robot_export.export_job import Source
from robot_export.finish_export import finish_export
from robot_export.project import Project
from robot_export.read_source import load_recorded, open_job, read_source

TARGET = {"order": ["ball"], "units": "probability of a ball, 0..1"}


def export(arguments: argparse.Namespace) -> None:
    """Reads the model, exports and checks it, and prints the result; the arguments are those of export.py.

    Raises:
        UserError: a file or the model cannot be used, or the outputs of a format differ from the model's.
    """
    source = read_source(arguments, PROJECT, TARGET, partial(load_recorded, Options, load_data))
    source, max_fpr, confidence = with_threshold(source, arguments)
    job = open_job(arguments, source, project(max_fpr, confidence))
    manifest, threshold = source.manifest, source.manifest.trained_threshold

    def evaluate(folder: Path) -> dict:
        results = job.results
        if not results or threshold != results["validation"]["metrics"]["threshold"]:
            scored = Scored(source.validation, source.outputs[:, 0], threshold, "validation")
            results = {"validation": report(folder, scored, confidence=confidence)}
        numbers = results["validation"]["metrics"]
        numbers.pop("false_positive_bound", None)  # this bound belongs to an earlier threshold
        if (bound := (manifest.threshold_choice or {}).get("false_positive_bound")) is not None:
            numbers["false_positive_bound"] = bound
        return results

    finish_export(job, manifest, evaluate)


def with_threshold(source: Source, arguments: argparse.Namespace) -> tuple[Source, float, float]:
    """Chooses a threshold if the user requests one or if the model has none.

    Returns the source with its threshold, the highest allowed false positive rate, and the confidence.
    """
    given = {name: getattr(arguments, name) for name in ("max_fpr", "confidence")}
    given = {name: value for name, value in given.items() if value is not None}
    limit = {"max_fpr": MAX_FPR, "confidence": CONFIDENCE} | (source.manifest.options or {}) | given
    max_fpr, confidence = limit["max_fpr"], limit["confidence"]
    if given or not source.manifest.threshold:
        patches = source.validation
        chosen = choose_threshold(patches.y, source.outputs[:, 0], max_fpr, confidence, patches.side)
        more = {"threshold": {"keras": chosen.value}, "threshold_choice": vars(chosen)}
        source = replace(source, manifest=replace(source.manifest, **more))
    return source, max_fpr, confidence


def project(max_fpr: float, confidence: float = CONFIDENCE) -> Project:
    """Returns what an export needs to know about the classifier.

    Args:
        max_fpr: highest false positive rate allowed when a threshold is chosen.
        confidence: confidence that the threshold does not exceed this rate on new patches.
    """

    def measure(y, outputs, threshold):
        numbers = metrics.evaluate(y, outputs[:, 0], threshold)
        limit = metrics.recall_at_fpr(metrics.curve(y, outputs[:, 0]), max_fpr)
        kept = {name: numbers.get(name) for name in ("auroc", "recall", "false_positive_rate")}
        return {name: value for name, value in (kept | {"recall_at_limit": limit}).items() if value is not None}

    def choose(y, outputs, before, shipped):
        """Returns the threshold of a format: the Keras model's threshold, or a better one.

        A format keeps the Keras model's threshold if it then stays within the limit and finds as many balls as the
        Keras model.
        """
        after = measure(y, outputs, shipped)
        negatives = int((y == 0).sum())
        limit = allowed_false_positives(negatives, max_fpr, confidence)[0] / max(1, negatives)
        broken = after.get("false_positive_rate", 0) > max(limit, before.get("false_positive_rate", 0))
        if not broken and after.get("recall", 0) >= before.get("recall", 0):
            return shipped
        own = choose_threshold(y, outputs[:, 0], max_fpr, confidence).value
        return own if broken or measure(y, outputs, own)["recall"] > after["recall"] else shipped

    purpose = "Decides whether an image patch shows a ball: the output is a score in 0..1, high for a ball."
    pictures = (
        ("curves", "recall against false positives"),
        ("scores", "scores"),
        ("worst_false_positives", "worst false positives"),
        ("worst_false_negatives", "worst missed balls"),
        ("robustness", "recall and false positives on corrupted pictures"),
    )
    return Project(PROJECT, purpose, measure, table, group_table, pictures, TRACKED, choose)
