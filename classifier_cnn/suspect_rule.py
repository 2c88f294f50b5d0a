"""Which labels of the classifier's patches are probably wrong."""

import numpy as np

from classifier_cnn.metrics import checked


def suspicious(labels, scores) -> np.ndarray:
    """The labels that are probably wrong, int [k], worst first.

    Confident learning (Northcutt, Jiang & Chuang, JAIR 2021): the self-confidence of a class is the mean probability
    that its own patches get for it. A label is suspicious if its probability lies below its class's self-confidence,
    and that of the other class reaches the other's.

    Args:
        labels: [n], 1 ball, 0 no ball; both classes occur.
        scores: [n] in 0..1, by networks that have not seen the patch.
    """
    labels, scores = checked(labels, scores)
    given = np.where(labels, scores, 1 - scores)
    ball, other = given[labels].mean(), given[~labels].mean()
    found = (given < np.where(labels, ball, other)) & (1 - given >= np.where(labels, other, ball))
    indices = np.flatnonzero(found)
    return indices[np.argsort(given[indices], kind="stable")]
