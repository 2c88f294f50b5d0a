"""Checks the sign and the interval of the difference between two models.

A difference in only one recording does not show that a model is better.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from robot_export.comparison.paired_differences import Measure, Subject, differences, group_rows, sentence, table

MEASURES = (Measure("accuracy", 1, 100, " %", 1), Measure("error", -1))


def subject():
    """Makes a subject with two simple metrics: the fraction of outputs above 0.5, and the mean distance from 1."""

    def measure(patches, answers, threshold):
        right = answers[:, 0] > 0.5

        def of(times):
            if not times.sum():
                return [None, None]
            return [np.average(right, weights=times), np.average(1 - answers[:, 0], weights=times)]

        return of

    return Subject("classification", ("ball",), MEASURES, measure, None, None, None)


class Patches(SimpleNamespace):
    def __len__(self):
        return self.count


def patches(count=400, recordings=20):
    recording = np.array([f"log {k % recordings}" for k in range(count)]) if recordings else None
    return Patches(count=count, recording=recording)


def answers(seed, shift=0.0, count=400):
    return np.random.default_rng(seed).random((count, 1)) ** (1 - shift)


def compared(one, other, **how):
    return differences(subject(), patches(**how), [(one, 0.5), (other, 0.5)])


def test_a_better_model_is_recognised_whether_higher_or_lower_values_are_better():
    one = answers(0)
    found = compared(one, np.minimum(one + 0.2, 1))
    assert [row["measure"] for row in found] == ["accuracy", "error"]
    assert [row["verdict"] for row in found] == ["better", "better"]
    assert found[0]["difference"] > 0 > found[1]["difference"]
    assert found[0]["A"] == pytest.approx((one > 0.5).mean())
    for row in found:
        low, high = row["interval"]
        assert low <= row["difference"] <= high
        assert row["B"] - row["A"] == pytest.approx(row["difference"])


@pytest.mark.parametrize("recordings", [0, 1, 20])
def test_exchanging_the_models_reverses_the_result(recordings):
    one, other = answers(0), answers(1, 0.4)
    exchanged = {"better": "worse", "worse": "better", "none": "none"}
    for row, back in zip(
        compared(one, other, recordings=recordings), compared(other, one, recordings=recordings), strict=True
    ):
        assert (row["A"], row["B"]) == (back["B"], back["A"])
        assert row["interval"] == pytest.approx([-end for end in reversed(back["interval"])], abs=0.02)
        assert exchanged[row["verdict"]] == back["verdict"]


def test_a_model_does_not_differ_from_itself():
    for row in compared(answers(0), answers(0)):
        assert (row["difference"], row["interval"], row["verdict"]) == (0, [0, 0], "none")


def test_a_difference_in_one_recording_only_is_not_shown():
    one = np.full((400, 1), 0.4)
    other = one.copy()
    other[::20] = 0.6  # all of "log 0"
    assert [row["verdict"] for row in compared(one, other)] == ["none", "none"]
    assert [row["verdict"] for row in compared(one, other, recordings=0)] == ["better", "better"]


def test_undefined_measures_give_a_sentence_instead_of_numbers():
    undefined = Subject("classification", ("ball",), MEASURES, lambda *_: lambda times: [None, None], None, None, None)
    numbers = differences(undefined, patches(), [(answers(0), 0.5), (answers(1), 0.5)])
    assert numbers == []
    assert sentence(MEASURES[0], numbers, ("A", "B")) == (
        "no difference shown: accuracy is undefined for these patches"
    )


def test_tables_and_sentences_show_rates_in_points():
    row = {"A": 0.9, "B": 0.95, "difference": 0.05, "interval": [0.01, 0.09], "verdict": "better"}
    assert sentence(MEASURES[0], [row], ("A", "C")) == (
        "C is better: accuracy 90.0 % (A) and 95.0 % (C), difference +5.0 points, 95 % interval +1.0 to +9.0"
    )
    head, line = table(MEASURES, [row], ("A", "C")).strip().splitlines()
    assert head.split() == ["A", "C", "C", "-", "A", "95", "%", "interval"]
    assert line.split()[:6] == ["accuracy", "90.0", "%", "95.0", "%", "+5.0"]


def test_groups_count_their_own_patches():
    counted = {"fixed": np.arange(100) < 30, "broken": np.arange(100) % 10 == 0}
    groups = {"camera": np.array(["top", "bottom\x1b"])[np.arange(100) % 2], "side": None}
    rows = group_rows(counted, groups)
    assert [(row["group"], row["name"], row["patches"]) for row in rows] == [
        ("camera", "bottom\\x1b", 50),
        ("camera", "top", 50),
    ]
    for what, mask in counted.items():
        assert sum(row[what] for row in rows) == mask.sum()
    assert [row["broken"] for row in rows] == [0, 10]
