"""Finds labels of the classifier's patches that are probably wrong."""

import numpy as np

from classifier_cnn.metrics import checked


def suspicious(labels, scores) -> np.ndarray:
    """The indices of labels that are probably wrong, int [k], the worst first.

    Confident learning (Northcutt, Jiang & Chuang, JAIR 2021): the self-confidence of a class is the mean predicted
    probability of the class for its own patches. A label is suspicious if its probability is below the self-confidence
    of its class, and the probability of the other class reaches the other's self-confidence.

    Args:
        labels: [n], 1 ball, 0 no ball; both must occur.
        scores: [n] in 0..1, from networks that have not seen the patch.
    """
    labels, scores = checked(labels, scores)
    given = np.where(labels, scores, 1 - scores)
    ball, other = given[labels].mean(), given[~labels].mean()
    found = (given < np.where(labels, ball, other)) & (1 - given >= np.where(labels, other, ball))
    indices = np.flatnonzero(found)
    return indices[np.argsort(given[indices], kind="stable")]
