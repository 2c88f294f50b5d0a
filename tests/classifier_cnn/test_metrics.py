import json
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from classifier_cnn import metrics


def choose(positives, negatives, max_fpr):
    labels = [1] * len(positives) + [0] * len(negatives)
    return metrics.choose_threshold(labels, [*positives, *negatives], max_fpr)


# Few distinct values, 0 and 1 among them, so that ties and saturated scores are common.
SCORES = st.one_of(st.integers(0, 8).map(lambda k: k / 8), st.floats(0, 1, width=32))
PATCHES = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40)
LIMITS = st.sampled_from([0.0, 0.001, 0.1, 0.25, 0.29, 1 / 3, 0.5, 0.99])


@given(PATCHES, LIMITS)
def test_the_threshold_keeps_its_promise_and_none_that_does_finds_more(patches, max_fpr):
    labels, scores = np.array([label for label, _ in patches]), np.array([score for _, score in patches], np.float32)
    chosen = metrics.choose_threshold(labels, scores, max_fpr)
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


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([], []), ([1, 0], [0.5]), ([1, 2], [0.5, 0.5]), ([1, 0], [0.5, np.nan]), ([1, 0], [0.5, 1.5])],
)
def test_what_cannot_be_measured_is_an_error(labels, scores):
    with pytest.raises(ValueError, match="Received"):
        metrics.evaluate(labels, scores, 0.5)


@given(PATCHES, LIMITS)
def test_curve_metrics_agree_with_brute_force_and_scikit_learn(patches, limit):
    labels, scores = np.array([label for label, _ in patches]), np.array([score for _, score in patches], np.float32)
    points = metrics.curve(labels, scores)
    if labels.all() or not labels.any():
        assert (
            metrics.auroc(points) is metrics.average_precision(points) is metrics.recall_at_fpr(points, limit) is None
        )
        return
    recalls = [np.mean(scores[labels] >= t) for t in [*np.unique(scores), 2] if np.mean(scores[~labels] >= t) <= limit]
    assert metrics.recall_at_fpr(points, limit) == max(recalls)
    assert metrics.auroc(points) == pytest.approx(roc_auc_score(labels, scores))
    assert metrics.average_precision(points) == pytest.approx(average_precision_score(labels, scores))


def test_evaluate_against_numbers_counted_by_hand():
    #          hit   hit  miss  alarm (the threshold itself is a detection)    correct rejections
    labels = [1.0, 1, 1, 0, 0, 0, 0, 0]
    scores = [0.9, 0.8, 0.3, 0.5, 0.4, 0.2, 0.1, 0.0]
    numbers = metrics.evaluate(labels, scores, 0.5)
    counts = {"patches": 8, "balls": 3, "false_positives": 1, "false_negatives": 1}
    rates = {"accuracy": 6 / 8, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "false_positive_rate": 1 / 5}
    scored = {"auroc": 13 / 15, "recall_at_fpr_0.01": 2 / 3, "recall_at_fpr_0.001": 2 / 3}
    errors = np.array([0.1, 0.2, 0.7, 0.5, 0.4, 0.2, 0.1, 0.0])
    scored |= {"log_loss": log_loss(labels, scores), "brier": np.mean(errors**2)}
    expected = counts | rates | scored | {"threshold": 0.5, "average_precision": (1 + 1 + 3 / 5) / 3}
    assert numbers == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("label", "absent"),
    [(0, {"recall", "auroc", "average_precision"}), (1, {"false_positive_rate", "auroc", "recall_at_fpr_0.01"})],
)
def test_what_one_class_leaves_undefined_is_left_out(label, absent):
    numbers = metrics.evaluate([label] * 3, [0.1, 0.2, 0.3], 0.5)
    assert not absent & set(numbers)
    assert all(np.isfinite(value) for value in numbers.values())
    assert "precision" not in numbers  # nothing was detected


def test_a_saturated_error_costs_a_finite_log_loss():
    assert metrics.evaluate([1, 0], [0.0, 1.0], 0.5)["log_loss"] == pytest.approx(-np.log(1e-7))


def test_the_groups_sum_up_to_the_total():
    random = np.random.default_rng(1)
    labels, scores = random.integers(0, 2, 200), random.random(200)
    camera, recording = random.choice(["top", "bottom"], 200), random.choice(["log1", "log2", "log3"], 200)
    total = metrics.evaluate(labels, scores, 0.6)
    rows = metrics.evaluate_groups(labels, scores, 0.6, camera=camera, recording=recording)
    assert [(row["group"], row["name"]) for row in rows] == [
        *(("camera", name) for name in ("bottom", "top")),
        *(("recording", name) for name in ("log1", "log2", "log3")),
    ]
    for group in ("camera", "recording"):
        for count in ("patches", "balls", "false_positives", "false_negatives"):
            assert sum(row[count] for row in rows if row["group"] == group) == total[count]


def test_no_groups_where_the_file_says_nothing():
    assert metrics.evaluate_groups([1, 0], [0.9, 0.1], 0.5, camera=None) == []


def test_the_baseline_sees_a_bright_middle_and_nothing_else():
    X = np.full((40, 16, 16, 1), 90, np.uint8)
    labels = np.arange(40) % 4 == 0
    X[labels, 4:12, 4:12] = 200
    numbers = metrics.baseline(labels, X)
    assert numbers["baseline_accuracy"] == 0.75
    assert numbers["baseline_auroc"] == numbers["baseline_recall_at_fpr_0.01"] == 1
    assert metrics.baseline(labels, 255 - X)["baseline_auroc"] == 0


def test_the_bootstrap_covers_the_truth_and_groups_widen_it():
    random = np.random.default_rng(3)
    recording = np.repeat(np.arange(20), 30)
    labels = np.repeat(np.arange(20) % 2, 30)
    # Label and noise are shared by a whole recording: there are 20 independent draws, not 600.
    scores = 1 / (1 + np.exp(-(labels + np.repeat(random.normal(0, 0.7, 20), 30) + random.normal(0, 0.1, 600))))
    value = metrics.auroc(metrics.curve(labels, scores))
    alone = metrics.bootstrap_interval(labels, scores, metrics.auroc, n=300)
    grouped = metrics.bootstrap_interval(labels, scores, metrics.auroc, groups=recording, n=300)
    assert alone[0] < value < alone[1]
    assert grouped[0] < value < grouped[1]
    assert grouped[1] - grouped[0] > 2 * (alone[1] - alone[0])
    assert grouped == metrics.bootstrap_interval(labels, scores, metrics.auroc, groups=recording, n=300)
    assert grouped != metrics.bootstrap_interval(labels, scores, metrics.auroc, groups=recording, n=300, seed=1)


def test_a_resample_equals_the_metric_of_the_patches_drawn():
    random = np.random.default_rng(5)
    labels, scores = random.integers(0, 2, 30), random.integers(0, 10, 30) / 10
    for metric in (metrics.auroc, metrics.average_precision, partial(metrics.recall_at_fpr, max_fpr=0.1)):
        drawn = np.random.default_rng(0).integers(30, size=30)  # the one draw that n=1, seed=0 makes
        order = np.argsort(-scores.astype(np.float32), kind="stable")
        # Without groups, patches are drawn by their place in the sorted order.
        expected = metric(metrics.curve(labels[order][drawn], scores[order][drawn]))
        low, high = metrics.bootstrap_interval(labels, scores, metric, n=1, seed=0)
        assert low == high == pytest.approx(expected)


def test_no_interval_with_one_class():
    assert metrics.bootstrap_interval([1, 1], [0.2, 0.9], metrics.auroc, n=10) is None
