import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from classifier_cnn import metrics

# Few distinct values, including 0 and 1, so that ties and saturated scores are common.
SCORES = st.one_of(st.integers(0, 8).map(lambda k: k / 8), st.floats(0, 1, width=32))
PATCHES = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40)
LIMITS = st.sampled_from([0.0, 0.001, 0.1, 0.25, 0.29, 1 / 3, 0.5, 0.99])


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([], []), ([1, 0], [0.5]), ([1, 2], [0.5, 0.5]), ([1, 0], [0.5, np.nan]), ([1, 0], [0.5, 1.5])],
)
def test_labels_and_scores_that_cannot_be_used_raise_an_error(labels, scores):
    with pytest.raises(ValueError, match="Received"):
        metrics.evaluate(labels, scores, 0.5)


@given(PATCHES, LIMITS)
def test_the_recall_at_a_limit_agrees_with_brute_force(patches, limit):
    labels, scores = np.array([label for label, _ in patches]), np.array([score for _, score in patches], np.float32)
    points = metrics.curve(labels, scores)
    if labels.all() or not labels.any():
        assert metrics.recall_at_fpr(points, limit) is None
        return
    recalls = [np.mean(scores[labels] >= t) for t in [*np.unique(scores), 2] if np.mean(scores[~labels] >= t) <= limit]
    assert metrics.recall_at_fpr(points, limit) == max(recalls)


def test_evaluate_gives_the_numbers_counted_by_hand():
    # two hits, a miss, a false alarm (a score equal to the threshold is a detection), four correct rejections
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
def test_metrics_that_need_both_classes_are_left_out_if_there_is_only_one(label, absent):
    numbers = metrics.evaluate([label] * 3, [0.1, 0.2, 0.3], 0.5)
    assert not absent & set(numbers)
    assert all(np.isfinite(value) for value in numbers.values())
    assert "precision" not in numbers  # nothing was detected


def test_a_saturated_error_gives_a_finite_log_loss():
    assert metrics.evaluate([1, 0], [0.0, 1.0], 0.5)["log_loss"] == pytest.approx(-np.log(1e-7))


def test_the_groups_add_up_to_the_total():
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


def test_a_file_without_groups_gives_no_rows():
    assert metrics.evaluate_groups([1, 0], [0.9, 0.1], 0.5, camera=None) == []


def test_one_baseline_never_finds_a_ball_and_the_other_prefers_a_bright_middle():
    X = np.full((40, 16, 16, 1), 90, np.uint8)
    labels = np.arange(40) % 4 == 0
    X[labels, 4:12, 4:12] = 200
    numbers = metrics.baseline(labels, X)
    assert numbers["baseline_accuracy"] == 0.75
    assert numbers["baseline_auroc"] == numbers["baseline_recall_at_fpr_0.01"] == 1
    assert metrics.baseline(labels, 255 - X)["baseline_auroc"] == 0


def test_the_interval_of_the_false_positive_rate_is_the_wider_of_patches_and_recordings():
    labels, scores = np.zeros(400), np.zeros(400)
    exact = metrics.false_positive_interval(labels, scores, 0.5)
    assert exact["false_positive_rate_low"] == 0
    assert exact["false_positive_rate_high"] == pytest.approx(1 - 0.025 ** (1 / 400))  # 0 of 400
    recording = np.repeat(["a", "b", "c", "d"], 100)
    # All false positives are in one recording, but new data may contain several such recordings, or none.
    scores[:40] = 1
    alone, whole = (metrics.false_positive_interval(labels, scores, 0.5, names) for names in (None, recording))
    assert whole["false_positive_rate_low"] == 0 < alone["false_positive_rate_low"]
    assert whole["false_positive_rate_high"] > 1.5 * alone["false_positive_rate_high"]
    assert metrics.false_positive_interval([1, 1], [0.1, 0.2], 0.5) == {}
