"""Finds balls in pictures, logs and patches with a classifier and, optionally, a detector."""

import argparse

from dataset_tools.scanning.find_balls import predict
from robot_export.foreign_options import foreign
from robot_export.scorer import check_alike, open_scorer


def predict_with(arguments: argparse.Namespace) -> None:
    """Opens the models of predict.py, scans the sources and writes the results."""
    classifier = open_scorer(arguments.model, (1, 4), foreign(arguments), arguments.threshold)
    detector = open_scorer(arguments.detector, (3,), foreign(arguments)) if arguments.detector else None
    check_alike([classifier, detector or classifier])
    predict(arguments, classifier, detector)
