"""Finds balls in pictures, logs and patches with a detector and perhaps a classifier."""

import argparse

from common.cli.training_options import TrainingOptions
from dataset_tools.scanning.find_balls import predict
from robot_export.foreign_options import Foreign
from robot_export.scorer import check_pair, every_patch, open_scorer


def predict_with(arguments: argparse.Namespace, given: Foreign) -> None:
    """Opens the models, scans the sources and writes the results.

    Args:
        arguments: those of predict.py. given: the description of model files without a model.json.

    Raises:
        UserError: models or sources cannot be used.
    """
    detector = open_scorer(arguments.model, (3,), given)
    if arguments.classifier:
        classifier = open_scorer(arguments.classifier, (1, 4), given, arguments.threshold)
    else:
        classifier = every_patch(detector)
    check_pair(classifier, detector)
    predict(arguments, classifier, detector.predict, TrainingOptions().output_dir)
