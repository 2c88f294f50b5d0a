"""The labels of a patch say where its objects are."""

from collections import Counter

import numpy as np
import pytest

from tests.dataset_tools.annotations import scenes

from .cut_and_read import content, number, patches, run


def test_labels_are_where_the_balls_are(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--per-ball", 12) == 0
    seen = 0
    for _, _, image, text in patches(tmp_path / "out"):
        boxes = scenes.SCENES[text["picture"]]
        left, top, right, bottom = (int(text[f"p_{key}"]) for key in ("min_x", "min_y", "max_x", "max_y"))
        assert image.size == (right - left, bottom - top) == (int(text["side"]),) * 2
        assert 0 <= left < right <= scenes.SIZE[0]
        assert 0 <= top < bottom <= scenes.SIZE[1]
        circles = [circle(box) for box in boxes if box[0] == scenes.BALL]
        shares = [share(ball, (left, top, right, bottom)) for ball in circles]
        assert number(text, "ball_intersect") == pytest.approx(max(shares, default=0), abs=0.01)
        if max(shares, default=0) > 0.01:
            radius, x, y = circles[int(np.argmax(shares))]
            told = [number(text, key) for key in ("ball_radius", "ball_center_x", "ball_center_y")]
            assert told == pytest.approx([radius, x - left, y - top], abs=6e-4)
            seen += 1
    assert seen >= 40


def circle(box):
    _, left, top, right, bottom = box
    if left <= 0:  # the ball that is cut off at the left
        radius = max(right - left, bottom - top) / 2
        return radius, right - radius, (top + bottom) / 2
    return (right - left + bottom - top) / 4, (left + right) / 2, (top + bottom) / 2


def share(ball, box, count=400):
    """Counts points of a fine grid to compute the fraction of the circle that is inside the patch."""
    radius, x, y = ball
    steps = (np.arange(count) + 0.5) / count * 2 - 1
    inside = steps[:, None] ** 2 + steps[None] ** 2 <= 1
    px, py = x + radius * steps[None], y + radius * steps[:, None]
    return (inside & (px > box[0]) & (px < box[2]) & (py > box[1]) & (py < box[3])).sum() / inside.sum()


def test_robot_and_penalty_overlaps_are_written(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--negatives", 40) == 0
    shares = {"robot": [], "penalty": []}
    for _, _, _, text in patches(tmp_path / "out"):
        for kind, found in shares.items():
            if f"{kind}_intersect" in text:
                assert f"{kind}_center_x" in text
                found.append(number(text, f"{kind}_intersect"))
    # The fraction of the patch that shows the robot. It cannot be 1: a patch with nothing but the robot would be flat.
    assert max(shares["robot"]) > 0.8
    assert max(shares["penalty"]) > 0.9  # fraction of the penalty mark that is inside the patch


def test_a_picture_gives_the_same_patches_whatever_else_is_cut(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "all") == 0
    for name in ("game1-000002.png", "game2-000002.png"):
        boxes = {name: scenes.SCENES[name]}
        alone = tmp_path / name
        alone.mkdir()
        (alone / name).write_bytes((pictures / name).read_bytes())
        geometry = ("--negatives", 0)  # the sizes of negatives depend on the balls of all pictures
        assert run(scenes.yolo(alone, boxes), *geometry, "--output", tmp_path / "alone" / name) == 0
        everything = {image.tobytes() for *_, image, text in patches(tmp_path / "all") if text["picture"] == name}
        assert {image.tobytes() for *_, image, _ in patches(tmp_path / "alone" / name)} <= everything


def test_surplus_patches_are_left_out_at_random_and_the_others_stay_the_same(tmp_path, pictures):
    source = scenes.yolo(pictures)
    assert run(source, "--output", tmp_path / "all") == 0
    assert run(source, "--output", tmp_path / "few", "--max-per-picture", 3) == 0
    everything = content(tmp_path / "all")
    assert all(one in everything for one in content(tmp_path / "few"))
    shown = Counter(text["picture"] for *_, text in patches(tmp_path / "few"))
    assert shown == dict.fromkeys(scenes.SCENES, 3)
