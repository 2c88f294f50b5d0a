"""Checks which formats are accepted, and which thresholds they get, in cases that were computed by hand."""

import numpy as np
import pytest

from classifier_cnn.exporting import project as classifier
from common.errors import UserError
from detector_cnn_ball_radius_center.exporting import project as detector
from robot_export.parity import Reference

Y = np.repeat([0.0, 1.0], [1000, 1000]).astype(np.float32)
SCORES = np.concatenate([np.linspace(0, 0.4, 1000), np.linspace(0.6, 1, 1000)]).astype(np.float32)[:, None]


def judged(outputs, exact=False, max_fpr=0.01):
    return Reference(Y, SCORES, 0.5, classifier(max_fpr)).compare("uint8", exact, outputs)


def test_a_format_that_agrees_keeps_the_threshold():
    verdict = judged(SCORES + np.float32(1e-3) * (SCORES < 0.5))
    assert (verdict.threshold, verdict.reasons, verdict.numbers["flips"]) == (0.5, [], 0)
    assert verdict.numbers["max_difference"] == pytest.approx(1e-3, rel=1e-3)
    assert verdict.numbers["mean_difference"] == pytest.approx(5e-4, rel=1e-3)


def test_a_format_with_shifted_scores_gets_its_own_threshold():
    verdict = judged(SCORES - np.float32(0.3) * (SCORES > 0.5) * SCORES)  # the balls' scores start at 0.42
    assert verdict.numbers["flips"] > 100
    assert 0.4 < verdict.threshold < 0.43
    assert verdict.numbers["recall"] == 1.0
    assert verdict.reasons == []


def test_a_few_lost_balls_are_found_again_with_another_threshold():
    outputs = SCORES.copy()
    outputs[1000:1005] = 0.45  # these balls make up half a percentage point of recall, so they may be lost
    verdict = judged(outputs)
    assert 0.4 < verdict.threshold < 0.45
    assert verdict.numbers["recall"] == 1.0
    outputs[1000:1005] = 0.0  # no threshold finds these balls
    verdict = judged(outputs)
    assert (verdict.threshold, verdict.reasons) == (0.5, [])


def test_false_positives_above_the_limit_move_the_threshold():
    outputs = SCORES.copy()
    outputs[:20] = 0.55  # 2 % of the patches without a ball
    verdict = judged(outputs)
    assert verdict.threshold > 0.55
    # At most 4 of the 1,000 patches may pass, to guarantee a false positive rate of at most 1 %.
    assert verdict.numbers["false_positive_rate"] <= 0.004
    assert verdict.reasons == []


def test_a_format_that_loses_balls_is_rejected_and_the_reason_says_how_many():
    outputs = SCORES.copy()
    outputs[-20:] = 0.0  # 2 % of the balls have the score of patches without a ball
    verdict = judged(outputs)
    assert verdict.reasons == ["at its threshold it finds 98.00% of the balls, 2.00 points below Keras"]
    outputs[-20:-5] = SCORES[-20:-5]  # a recall loss of half a percentage point is allowed
    assert judged(outputs).reasons == []


def test_an_exact_format_must_not_differ():
    with pytest.raises(UserError, match=r"differs from the trained model: for validation patch 1999 it outputs"):
        judged(SCORES + np.float32([[0.0]] * 1999 + [[-2e-4]]), exact=True)
    with pytest.raises(UserError, match=r"are NaN or infinite. Received: 1 of 2000"):
        judged(np.where(np.arange(2000)[:, None] == 7, np.nan, SCORES), exact=True)


@pytest.mark.parametrize(("grown", "count"), [(1.04, 0), (1.06, 2)])
def test_a_detector_is_rejected_if_its_centres_are_five_percent_worse(grown, count):
    rng = np.random.default_rng(0)
    y = np.tile(np.float32([0.4, 0.5, 0.5]), (500, 1))
    error = rng.normal(0, 0.02, (500, 3)).astype(np.float32)
    reference = Reference(y, y + error, None, detector(16))
    verdict = reference.compare("uint8", False, y + np.float32(grown) * error)
    assert len(verdict.reasons) == count
    assert verdict.threshold is None
    assert "flips" not in verdict.numbers
