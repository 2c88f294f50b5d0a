"""Tests the rule that decides which labels are suspicious."""

import numpy as np

from classifier_cnn import find_suspects


def test_a_label_is_suspicious_according_to_the_self_confidence_of_both_classes():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    scores = np.array([0.9, 0.9, 0.8, 0.1, 0.9, 0.1, 0.1, 0.3])  # self-confidence: ball 0.675, no ball 0.65
    assert find_suspects.suspicious(labels, scores).tolist() == [3, 4]
    assert find_suspects.suspicious(labels, np.where(scores == 0.3, 0.6, scores)).tolist() == [
        3,
        4,
    ]  # 0.6 is below 0.675
    assert find_suspects.suspicious(labels, np.where(labels == 1, 0.9, 0.1)).tolist() == []
