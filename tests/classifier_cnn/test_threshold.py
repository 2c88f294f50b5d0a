import json

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import binom

from classifier_cnn.threshold import allowed_false_positives, choose_threshold, needed_negatives, upper_bound

from .test_metrics import LIMITS, PATCHES


def choose(positives, negatives, max_fpr, confidence=0):
    labels = [1] * len(positives) + [0] * len(negatives)
    return choose_threshold(labels, [*positives, *negatives], max_fpr, confidence)


@given(PATCHES, LIMITS)
def test_the_chosen_threshold_finds_the_most_balls_within_the_limit(patches, max_fpr):
    labels, scores = np.array([label for label, _ in patches]), np.array([score for _, score in patches], np.float32)
    chosen = choose_threshold(labels, scores, max_fpr, confidence=0)
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
    if not labels.any():  # no balls: the threshold is the lowest one that meets the limit
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


def test_a_ball_and_a_negative_with_the_same_score_pass_together_or_not_at_all():
    chosen = choose([0.9, 0.5, 0.5], [0.5, 0.1], max_fpr=0.4)
    assert chosen.value == pytest.approx(0.7)
    assert chosen.recall == pytest.approx(1 / 3)


def test_neighbouring_floats_are_still_separated():
    below = np.float32(0.7)
    above = np.nextafter(below, np.float32(1))
    assert choose([above], [below], max_fpr=0).value == above


@pytest.mark.parametrize(
    ("positives", "negatives", "warning"),
    [
        ([0.5, 0.5], [0.5, 0.5], "nothing is found"),  # all scores are equal
        ([0.2, 0.1], [0.9, 0.8], "nothing is found"),  # all negatives have higher scores
        ([1.0], [1.0, 0.0], "nothing is found"),  # saturated: only a threshold above 1 rejects the negative
        ([], [0.9, 0.8], "no patch shows a ball"),
        ([0.9, 0.8], [], "all patches show a ball"),
        ([0.9], [0.1] * 5, "too few"),
    ],
)
def test_a_threshold_that_loses_many_balls_has_a_warning_and_is_finite(positives, negatives, warning):
    chosen = choose(positives, negatives, max_fpr=0.01)
    assert warning in chosen.warning
    assert np.isfinite(chosen.value)
    assert not any(score >= chosen.value for score in negatives)


def test_a_good_threshold_has_no_warning():
    assert choose([0.9] * 10, [0.1] * 100, max_fpr=0.01).warning is None


def test_separable_classes_are_divided_in_the_middle_however_many_negatives_may_pass():
    chosen = choose([0.9, 0.8], [0.2] + [1e-7] * 99, max_fpr=0.5)
    assert chosen.value == pytest.approx(0.5)
    assert (chosen.recall, chosen.false_positive_rate) == (1, 0)


def test_if_no_ball_can_pass_within_the_limit_nothing_passes():
    chosen = choose([0.1], [0.9, 0.8, 0.7, 0.6], max_fpr=0.5)
    assert (chosen.recall, chosen.false_positive_rate) == (0, 0)
    assert 0.9 < chosen.value < 1
    assert "highest score is 0.9" in chosen.warning


@pytest.mark.parametrize("max_fpr", [-0.1, 1, float("nan")])
def test_an_impossible_limit_is_an_error(max_fpr):
    with pytest.raises(ValueError, match="Received"):
        choose([0.9], [0.1], max_fpr)


@pytest.mark.parametrize(("max_fpr", "needed"), [(0.01, 299), (0.001, 2995), (0, None)])
def test_the_smallest_number_of_negatives_that_can_guarantee_a_limit(max_fpr, needed):
    assert needed_negatives(max_fpr, 0.95) == needed
    if needed:
        assert allowed_false_positives(needed, max_fpr, 0.95) == (0, True)
        assert not allowed_false_positives(needed - 1, max_fpr, 0.95)[1]


@pytest.mark.parametrize(("max_fpr", "confidence"), [(0.01, 0.95), (0.001, 0.95), (0.05, 0.5), (0.3, 0.999)])
def test_the_guarantee_holds_exactly_and_one_more_false_positive_would_break_it(max_fpr, confidence):
    for negatives in [*range(1, 700), 736, 2994, 2995, 2996, 20_000, 10**7]:
        allowed, promised = allowed_false_positives(negatives, max_fpr, confidence)
        assert promised == (negatives >= needed_negatives(max_fpr, confidence))
        if promised:  # probability that at most `allowed` negatives are above the true quantile
            assert binom.cdf(allowed, negatives, max_fpr) <= 1 - confidence
            assert binom.cdf(allowed + 1, negatives, max_fpr) > 1 - confidence
            assert upper_bound(allowed, negatives, confidence) <= max_fpr * (1 + 1e-9)


@pytest.mark.parametrize("levels", [None, 40])  # continuous scores; scores with many ties
@pytest.mark.parametrize("negatives", [300, 736])
def test_in_a_simulation_the_limit_is_exceeded_as_rarely_as_promised(levels, negatives):
    random, exceeded, tries = np.random.default_rng(1), {0.95: 0, 0: 0}, 400
    for _ in range(tries):
        noise, balls = random.random(negatives), random.random(200) / 5 + 0.8
        if levels:
            noise, balls = np.ceil(noise * levels) / levels, np.ceil(balls * levels) / levels
        for confidence in exceeded:
            chosen = choose(balls.tolist(), noise.tolist(), 0.05, confidence)
            passed = 1 - min(1, np.ceil(chosen.value * levels - 1e-6) / levels - 1 / levels if levels else chosen.value)
            exceeded[confidence] += passed > 0.05 + 1e-9
    assert exceeded[0.95] / tries <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / tries)
    assert levels or exceeded[0] / tries > 0.35  # without a guarantee, the limit is often exceeded


def test_with_too_few_negatives_the_empirical_limit_is_used_and_the_missing_number_is_named():
    few = choose([0.9] * 10, [0.1] * 100, 0.01, 0.95)
    assert (few.guaranteed, few.negatives_missing) == (False, 199)
    assert few.promise.startswith("not guaranteed: up to ")
    assert few.promise.endswith(
        "% false positives are possible (95 % confidence); 199 more patches without a ball are needed"
    )
    assert few.value == choose([0.9] * 10, [0.1] * 100, 0.01).value
    enough = choose([0.9] * 10, [0.1] * 299, 0.01, 0.95)
    assert (enough.guaranteed, enough.negatives_missing) == (True, 0)
    assert enough.promise == "guaranteed: at most 1 % false positives with 95 % confidence"
    assert "no number of patches" in choose([0.9], [0.1] * 5000, 0, 0.95).promise


def test_a_guarantee_loses_the_balls_that_score_like_the_highest_negatives():
    negatives = np.linspace(0, 0.9, 736).tolist()
    balls = np.linspace(0.5, 1, 100).tolist()
    empirical, guaranteed = choose(balls, negatives, 0.01), choose(balls, negatives, 0.01, 0.95)
    assert round(empirical.false_positive_rate * 736) <= 7
    assert round(guaranteed.false_positive_rate * 736) <= 2
    assert guaranteed.value > empirical.value
    assert guaranteed.recall <= empirical.recall


def sized(negatives, confidence=0.95):
    """Chooses a threshold for a limit of 1 %.

    Each of the four patch sizes has its own number of negatives, and the smallest patches have the highest scores.
    """
    count = [50 + n for n in negatives]
    labels = np.concatenate([np.arange(n) < 50 for n in count]).astype(float)
    high = np.repeat([0.8, 0.6, 0.4, 0.2], count)
    scores = np.where(labels, 0.9, high * np.random.default_rng(0).random(len(high))).astype(np.float32)
    side = np.repeat(np.float32([10, 20, 40, 80]), count)
    return labels, scores, side, choose_threshold(labels, scores, 0.01, confidence, side)


def test_each_side_class_has_its_own_threshold_if_all_of_them_can_guarantee_the_limit():
    labels, scores, side, chosen = sized([299, 300, 700, 4000])
    assert chosen.value == choose_threshold(labels, scores, 0.01, 0.95).value  # the chosen threshold does not change
    assert [row["side_below"] for row in chosen.by_side] == [16, 32, 64, None]
    for one, row in zip((10, 20, 40, 80), chosen.by_side, strict=True):
        alone = choose_threshold(labels[side == one], scores[side == one], 0.01, 0.95)
        assert alone.guaranteed
        assert (row["threshold"], row["recall"]) == (alone.value, 1)
        assert row["negatives"] == np.sum((side == one) & (labels == 0))
        assert f"{alone.value:.6g} (" in chosen.sides
    assert chosen.sides.count("recall 100.0%") == 4
    thresholds = [row["threshold"] for row in chosen.by_side]
    assert thresholds == sorted(set(thresholds), reverse=True)


@pytest.mark.parametrize(
    ("negatives", "confidence", "words"),
    [
        ([299, 290, 297, 4000], 0.95, "'side 16 to 32 px' needs 9 more patches without a ball"),
        ([299, 299, 299, 0], 0.95, "'near, side 64 px and more' needs 299 more"),
        ([400, 400, 400, 400], 0, "thresholds by size need a guarantee"),
    ],
)
def test_there_is_one_threshold_if_a_side_class_cannot_guarantee_the_limit(negatives, confidence, words):
    labels, scores, _, chosen = sized(negatives, confidence)
    assert chosen.by_side is None
    assert chosen.sides.startswith("One threshold for all sizes: ")
    assert words in chosen.sides
    assert chosen.value == choose_threshold(labels, scores, 0.01, confidence).value


def test_patches_of_unknown_side_belong_to_no_class():
    labels, scores, side, _ = sized([299] * 4)
    side[np.flatnonzero(labels == 0)[0]] = np.nan
    assert "'far, side below 16 px' needs 1 more" in choose_threshold(labels, scores, 0.01, 0.95, side).sides
    assert "is unknown" in choose_threshold(labels, scores, 0.01, 0.95, np.full(len(side), np.nan)).sides
