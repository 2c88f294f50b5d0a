"""Patches are placed around the balls as the robot places its candidates, and negatives away from all balls."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.cutting.circles_and_boxes import Circle, Scene
from dataset_tools.cutting.options import Geometry
from dataset_tools.cutting.place_patches import SIDE_MIN, around_balls, without_balls
from tests.dataset_tools.annotations import scenes

from .cut_and_read import number, patches, run


def test_sizes_offsets_and_partial_views_match_those_of_the_robot(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--per-ball", 40, "--negatives", 0) == 0
    ratios, offsets, partial = [], [], 0
    for _, _, image, text in patches(tmp_path / "out"):
        if text["picture"] == "game1-000002.png":  # the ball is cut off, so patches are moved into the picture
            continue
        radius = number(text, "ball_radius")
        ratios.append(image.width / 2 / radius)
        partial += number(text, "ball_intersect") <= 0.5
        if number(text, "ball_intersect") > 0.95:
            offsets += [abs(number(text, f"ball_center_{axis}") / image.width - 0.5) for axis in "xy"]
    assert min(ratios) + 0.05 >= 1.0
    assert 1.6 < max(ratios) < 1.75
    assert 0.1 < max(offsets) < 0.19
    assert 0.05 < partial / len(ratios) < 0.3


def test_a_border_is_a_fraction_of_the_radius(tmp_path, pictures):
    sizes = {}
    for border in (0, 0.2):
        out = tmp_path / f"out{border}"
        assert run(scenes.yolo(pictures), "--output", out, "--border", border, "--negatives", 0) == 0
        sizes[border] = [image.width for _, _, image, _ in patches(out)]
    assert np.array(sizes[0.2]) / np.array(sizes[0]) == pytest.approx(1.2, abs=0.03)


def test_negatives_show_no_ball_and_three_of_four_show_something(tmp_path):
    box = [(scenes.BALL, 150, 110, 180, 140), (scenes.ROBOT, 20, 120, 80, 230)]
    names = {f"game-{index:03d}.png": box for index in range(12)}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    assert run(scenes.yolo(folder, names), "--output", tmp_path / "out", "--per-ball", 0, "--negatives", 8) == 0
    on_robot = []
    for _, _, _, text in patches(tmp_path / "out"):
        left, top, right, bottom = (int(text[f"p_{key}"]) for key in ("min_x", "min_y", "max_x", "max_y"))
        assert right <= 150 or left >= 180 or bottom <= 110 or top >= 140
        assert "ball_radius" not in text
        on_robot.append(number(text, "robot_intersect"))
    assert len(on_robot) >= 80
    # Three out of four negatives show an object or an edge. Half of these negatives show the robot, although it
    # covers only a tenth of the picture.
    assert np.mean(np.array(on_robot) > 0) > 0.25


@st.composite
def pictures_with_balls(draw):
    """Draws a random scene: a picture of any size, with balls that may be cut off at the picture's edge."""
    width, height = draw(st.integers(16, 700)), draw(st.integers(16, 500))
    balls = []
    for _ in range(draw(st.integers(0, 3))):
        radius = draw(st.floats(2, 200))
        x, y = draw(st.floats(-radius, width + radius)), draw(st.floats(-radius, height + radius))
        balls.append(Circle(radius, x, y, (x - radius, y - radius, x + radius, y + radius)))
    return Scene(width, height, balls, {}, [ball.box for ball in balls], True)


def check_inside(found, scene):
    for left, top, side in found:
        assert min(SIDE_MIN, scene.width, scene.height) <= side
        assert 0 <= left <= left + side <= scene.width
        assert 0 <= top <= top + side <= scene.height


@given(pictures_with_balls(), st.integers(0, 9), st.floats(0, 2), st.floats(0, 2), st.integers(0, 99))
def test_patches_of_balls_are_squares_inside_the_picture(scene, per_ball, jitter, border, seed):
    geometry = Geometry(per_ball=per_ball, jitter=jitter, border=border)
    found = around_balls(scene, geometry, Random(seed))
    assert len(found) == per_ball * len(scene.balls)
    check_inside(found, scene)
    assert around_balls(scene, geometry, Random(seed)) == found


@given(pictures_with_balls(), st.integers(0, 9), st.integers(0, 99))
def test_negatives_stay_in_the_picture_and_outside_the_boxes_to_avoid(scene, negatives, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (scene.height, scene.width, 3), dtype=np.uint8)
    geometry = Geometry(negatives=negatives)
    found = without_balls(scene, pixels, geometry, np.empty(0), Random(seed))
    assert len(found) <= negatives
    check_inside(found, scene)
    for left, top, side in found:
        for a, b, c, d in scene.avoid:
            assert a >= left + side or c <= left or b >= top + side or d <= top
    assert without_balls(scene, pixels, geometry, np.empty(0), Random(seed)) == found
    uncertain = scene._replace(free=False)
    assert without_balls(uncertain, pixels, geometry, np.empty(0), Random(seed)) == []


def test_negatives_are_distinct_and_not_flat_and_have_the_sizes_of_the_balls():
    scene = Scene(640, 480, [], {}, [], True)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    pixels[:, :320] = 90  # a flat wall
    geometry = Geometry(scale=(1, 1), negatives=40)
    found = without_balls(scene, pixels, geometry, np.array([0.1]), Random(0))
    assert len(found) > 20
    assert {side for *_, side in found} == {64}
    for later, (left, top, _) in enumerate(found):
        assert all(max(abs(left - x), abs(top - y)) >= 16 for x, y, _ in found[:later])
    assert min(left for left, *_ in found) > 320 - 64
