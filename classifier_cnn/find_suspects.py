"""Judges all labels with networks that have not seen their recordings."""

import argparse

from sklearn.model_selection import StratifiedGroupKFold

from classifier_cnn import plots, suspect_rule, training
from classifier_cnn.options import Options
from common.errors import UserError
from dataset_tools.suspects.folds_and_list import answers_by_fold, read_recordings, write


def find_suspects(arguments: argparse.Namespace, options: Options) -> None:
    """Trains without each fold, judges all labels and writes the results; the arguments are those of suspects.py.

    Raises:
        UserError: the patches cannot be used.
    """
    patches = read_recordings(arguments.files, "classification")
    if not 0 < patches.y.sum() < len(patches):
        raise UserError(
            f"suspects.py needs patches with and without a ball. Received: one class in {', '.join(patches.files)}."
        )
    folds = min(arguments.folds, len(set(patches.recording)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=options.seed)
    scores = answers_by_fold(patches, splitter, options, training)[:, 0]
    found = suspect_rule.suspicious(patches.y, scores)
    names = [("no ball", "ball")[int(label)] for label in patches.y[found]]
    columns = {"label": [("ball", "no ball")[int(label)] for label in patches.y[found]]}  # the new label for --relabel
    columns |= {"label_given": names, "score": scores[found]}

    def draw(path, chosen, title):
        plots.suspects(path, patches, scores, chosen, title)

    write(arguments, patches, found, columns, draw, "--relabel, or --drop,")
