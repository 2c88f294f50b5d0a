"""Finds balls in pictures, logs and patches with a detector and, optionally, a classifier."""

import argparse

from dataset_tools.scanning.find_balls import predict
from robot_export.foreign_options import foreign
from robot_export.scorer import check_alike, open_scorer


def predict_with(arguments: argparse.Namespace) -> None:
    """Opens the models of predict.py, scans the sources and writes the results."""
    given, other = foreign(arguments), arguments.classifier
    detector = open_scorer(arguments.model, (3,), given)
    classifier = open_scorer(other, (1, 4), given, arguments.threshold) if other else None
    check_alike([classifier or detector, detector])
    predict(arguments, classifier, detector)
