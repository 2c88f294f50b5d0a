"""Uses confident learning to find labels that are probably wrong; prints them and writes a list of them."""

import argparse

import numpy as np

from classifier_cnn import plots, training
from classifier_cnn.metrics import checked
from classifier_cnn.options import Options
from dataset_tools.suspects.folds_and_list import answers_by_fold, read_recordings, write

CLASSES = ("no ball", "ball")
USES = {"--relabel": "corrects the labels", "--drop": "leaves the patches out"}


def find_suspects(arguments: argparse.Namespace, options: Options) -> None:
    """Trains one network per fold, judges all labels and writes the results; see suspects.py for the arguments.

    Raises:
        UserError: the patches cannot be used.
    """
    patches = read_recordings(arguments.files, "classification")
    scores = answers_by_fold(patches, arguments.folds, options, training)[:, 0]
    found = suspicious(patches.y, scores)
    given, new = ([names[int(label)] for label in patches.y[found]] for names in (CLASSES, CLASSES[::-1]))
    columns = {"label": new, "label_given": given, "score": scores[found]}  # --relabel reads `label`
    write(arguments, patches, scores, found, columns, plots.suspects, USES)


def suspicious(labels, scores) -> np.ndarray:
    """Returns the indices of labels that are probably wrong, int [k], the worst first.

    Confident learning (Northcutt, Jiang & Chuang, JAIR 2021): the self-confidence of a class is the mean predicted
    probability of the class for its own patches. A label is suspicious if its probability is below the self-confidence
    of its class, and the probability of the other class reaches the self-confidence of that class.

    Args:
        labels: [n], 1 ball, 0 no ball; both must occur.
        scores: [n] in 0..1, each from a network that has not seen the patch.
    """
    labels, scores = checked(labels, scores)
    given = np.where(labels, scores, 1 - scores)
    ball, other = given[labels].mean(), given[~labels].mean()
    found = (given < np.where(labels, ball, other)) & (1 - given >= np.where(labels, other, ball))
    indices = np.flatnonzero(found)
    return indices[np.argsort(given[indices], kind="stable")]
