"""Removes circles that overlap a better one, so that each ball is found once."""

import numpy as np


def merge_circles(circles: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Indices of the circles that remain after removing those that overlap a better one, the best first.

    Two circles overlap if the centre of one is inside the other (greedy non-maximum suppression).
    """
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        away = np.hypot(*(circles[left, 1:] - circles[best, 1:]).T)
        left = left[away >= np.maximum(circles[left, 0], circles[best, 0])]
    return np.array(kept, int)
