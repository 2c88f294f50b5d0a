"""Candidates with a score at or above the threshold become balls, and each ball is reported once."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from dataset_tools.scanning.find_balls import balls_of, check_seen, plan_of
from dataset_tools.scanning.scan import Found
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.skip_counts import Skips

BOXES = np.array([[300, 100, 340, 140], [0, 0, 40, 40], [10, 4, 50, 44], [200, 100, 240, 140]])
SCORES = np.array([[0.4], [0.7], [0.9], [0.5]], np.float32)


def found(size=(640, 480)):
    return Found(None, BOXES, np.zeros((4, 16, 16, 1), np.uint8), size)


def test_overlapping_balls_of_a_picture_count_as_one_but_patches_are_separate():
    circles, scores, kept = balls_of(found(), SCORES, 0.5, None, 1.25)
    assert kept.tolist() == [2, 3]
    assert scores.tolist() == pytest.approx([0.9, 0.5])
    assert circles.tolist() == [[16, 30, 24], [16, 220, 120]]
    assert balls_of(found(None), SCORES, 0.5, None, 1.25)[2].tolist() == [1, 2, 3]


@pytest.mark.parametrize("answers", [SCORES, np.tile(SCORES, 4)])
def test_there_is_no_ball_if_no_score_reaches_the_threshold(answers):
    def locate(X):
        raise AssertionError("there is nothing to locate")

    for place in (None, locate):
        circles, scores, kept = balls_of(found(), answers, 0.91, place, 1.25)
        assert (circles.shape, scores.shape, kept.shape) == ((0, 3), (0,), (0,))


def test_circles_come_from_the_detector_or_from_the_model_itself():
    fractions = np.tile([0.4, 0.5, 0.75], (4, 1))
    asked = []

    def locate(X):
        asked.append(len(X))
        return fractions[: len(X)]

    wanted = [[16, 30, 34], [16, 220, 130]]
    assert balls_of(found(), SCORES, 0.5, locate, 1.25)[0].tolist() == wanted
    assert asked == [3]  # the detector is called only for the candidates above the threshold
    answers = np.concatenate([SCORES, fractions], axis=1)
    assert balls_of(found(), answers, 0.5, None, 1.25)[0].tolist() == wanted


def test_the_plan_follows_the_model_unless_the_user_says_otherwise():
    scorer = SimpleNamespace(size=32, channels=2, rule="area", border=10)
    arguments = SimpleNamespace(border=None, radius=[90.0, 6.0], scale=1.3, candidates=7)
    plan = plan_of(arguments, scorer)
    assert (plan.size, plan.channels, plan.rule, plan.border) == (32, 2, "area", 10)
    assert (plan.radius, plan.most) == ((6, 90), 7)
    arguments.border = 0
    assert plan_of(arguments, scorer).border == 0


def test_the_error_says_why_nothing_could_be_read():
    skips = Skips()
    check_seen(1, skips)
    with pytest.raises(UserError, match="Received: logs without candidates"):
        check_seen(0, skips)
    skips.add(Skipped("a.png", "damaged picture"))
    with pytest.raises(UserError, match=r"Received: +skipped 1 item: damaged picture, such as a\.png"):
        check_seen(0, skips)
