"""Judges all labels with networks that have not seen their recordings."""

import argparse

from sklearn.model_selection import StratifiedGroupKFold

from classifier_cnn import plots, suspect_rule, training
from classifier_cnn.options import Options
from dataset_tools.suspects.folds_and_list import answers_by_fold, read_recordings, write

CLASSES = ("no ball", "ball")


def find_suspects(arguments: argparse.Namespace, options: Options) -> None:
    """Trains without each fold, judges all labels and writes the results; the arguments are those of suspects.py.

    Raises:
        UserError: the patches cannot be used.
    """
    patches = read_recordings(arguments.files, "classification")
    folds = min(arguments.folds, len(set(patches.recording)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=options.seed)
    scores = answers_by_fold(patches, splitter, options, training)[:, 0]
    found = suspect_rule.suspicious(patches.y, scores)
    given, new = ([names[int(label)] for label in patches.y[found]] for names in (CLASSES, CLASSES[::-1]))
    columns = {"label": new, "label_given": given, "score": scores[found]}  # --relabel reads `label`
    write(arguments, patches, scores, found, columns, plots.suspects, "--relabel, or --drop,")
