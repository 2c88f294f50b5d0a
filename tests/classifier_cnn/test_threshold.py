import json

import numpy as np
import pytest
from hypothesis import given

from classifier_cnn.threshold import choose_threshold

from .test_metrics import LIMITS, PATCHES


def choose(positives, negatives, max_fpr):
    labels = [1] * len(positives) + [0] * len(negatives)
    return choose_threshold(labels, [*positives, *negatives], max_fpr)


@given(PATCHES, LIMITS)
def test_the_threshold_keeps_its_promise_and_none_that_does_finds_more(patches, max_fpr):
    labels, scores = np.array([label for label, _ in patches]), np.array([score for _, score in patches], np.float32)
    chosen = choose_threshold(labels, scores, max_fpr)
    assert 0 < chosen.value <= np.nextafter(np.float32(1), np.float32(2))
    assert json.loads(json.dumps(chosen.value)) == np.float32(chosen.value)
    if labels.all():
        assert chosen.false_positive_rate is None
        assert chosen.warning
        return
    rate = np.mean(scores[~labels] >= np.float32(chosen.value))
    assert rate == chosen.false_positive_rate <= max_fpr
    candidates = np.append(np.unique(scores), np.float32(2))
    rates = np.array([np.mean(scores[~labels] >= candidate) for candidate in candidates])
    if not labels.any():  # nothing is known of balls: the lowest that keeps the promise
        assert (rates[candidates < chosen.value] > max_fpr).all()
        return
    recalls = np.array([np.mean(scores[labels] >= candidate) for candidate in candidates])
    assert np.mean(scores[labels] >= np.float32(chosen.value)) == chosen.recall == recalls[rates <= max_fpr].max()
    assert rate == rates[recalls == chosen.recall].min()


def test_the_threshold_lies_between_two_scores():
    chosen = choose([0.9, 0.8, 0.3], [0.4, 0.2, 0.1, 0.0], max_fpr=0.25)
    assert chosen.value == pytest.approx(0.25)
    assert (chosen.false_positive_rate, chosen.recall) == (0.25, 1)
    assert choose([0.9, 0.8, 0.3], [0.4, 0.2, 0.1, 0.0], max_fpr=0.24).value == pytest.approx(0.6)


def test_a_tie_of_ball_and_no_ball_passes_together_or_not_at_all():
    chosen = choose([0.9, 0.5, 0.5], [0.5, 0.1], max_fpr=0.4)
    assert chosen.value == pytest.approx(0.7)
    assert chosen.recall == pytest.approx(1 / 3)


def test_neighbouring_floats_are_still_told_apart():
    below = np.float32(0.7)
    above = np.nextafter(below, np.float32(1))
    assert choose([above], [below], max_fpr=0).value == above


@pytest.mark.parametrize(
    ("positives", "negatives", "warning"),
    [
        ([0.5, 0.5], [0.5, 0.5], "nothing is found"),  # all equal
        ([0.2, 0.1], [0.9, 0.8], "nothing is found"),  # all negatives above
        ([1.0], [1.0, 0.0], "nothing is found"),  # saturated: only a threshold above 1 lets no negative pass
        ([], [0.9, 0.8], "no patch with a ball"),
        ([0.9, 0.8], [], "no patch without a ball"),
        ([0.9], [0.1] * 5, "too few"),
    ],
)
def test_a_threshold_with_a_price_says_so_and_is_finite(positives, negatives, warning):
    chosen = choose(positives, negatives, max_fpr=0.01)
    assert warning in chosen.warning
    assert np.isfinite(chosen.value)
    assert not any(score >= chosen.value for score in negatives)


def test_a_good_threshold_has_no_warning():
    assert choose([0.9] * 10, [0.1] * 100, max_fpr=0.01).warning is None


def test_separated_classes_are_parted_in_the_middle_however_many_negatives_may_pass():
    chosen = choose([0.9, 0.8], [0.2] + [1e-7] * 99, max_fpr=0.5)
    assert chosen.value == pytest.approx(0.5)
    assert (chosen.recall, chosen.false_positive_rate) == (1, 0)


def test_a_limit_that_no_ball_reaches_lets_nothing_pass():
    chosen = choose([0.1], [0.9, 0.8, 0.7, 0.6], max_fpr=0.5)
    assert (chosen.recall, chosen.false_positive_rate) == (0, 0)
    assert 0.9 < chosen.value < 1
    assert "highest score is 0.9" in chosen.warning


@pytest.mark.parametrize("max_fpr", [-0.1, 1, float("nan")])
def test_an_impossible_limit_is_an_error(max_fpr):
    with pytest.raises(ValueError, match="Received"):
        choose([0.9], [0.1], max_fpr)
