"""Tests the chart of a comparison: colours for the better model, and the groups with the most changed patches."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageColor

from common.runs import plots
from robot_export.comparison.chart import GROUPS, draw
from robot_export.comparison.paired_differences import Measure

MEASURES = (Measure("recall", 1, 100, " %", 1), Measure("centre error", -1, unit=" px"))


def number(difference: float, verdict: str) -> dict:
    interval = [difference - 0.01, difference + 0.01]
    return {"A": 0.5, "B": 0.5 + difference, "difference": difference, "interval": interval, "verdict": verdict}


def row(name: str, fixed: int, broken: int, group="recording") -> dict:
    return {"group": group, "name": name, "patches": 100, "fixed": fixed, "broken": broken}


def drawn(path, numbers, rows) -> np.ndarray:
    """Returns the drawn chart, [row][column][red, green, blue]."""
    draw(path, MEASURES, numbers, rows, "B is better", ("A", "B"))
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def count(picture: np.ndarray, colour: str) -> int:
    """Counts the pixels of exactly this colour."""
    return int((picture == ImageColor.getrgb(colour)).all(axis=2).sum())


@pytest.fixture
def texts(monkeypatch):
    """Collects all texts in the last chart."""
    found, save = [], Figure.savefig

    def kept(figure, *given, **more):
        save(figure, *given, **more)
        found[:] = [text.get_text() for text in figure.findobj(Text)]

    monkeypatch.setattr(Figure, "savefig", kept)
    return found


@pytest.mark.parametrize(("verdict", "colour"), [("better", plots.BALL), ("worse", plots.NO_BALL), ("none", plots.INK)])
def test_a_difference_has_the_colour_of_its_verdict(tmp_path, verdict, colour):
    picture = drawn(tmp_path / "c.png", [number(0.05, verdict)] * 2, [row("all", 0, 0, "all")])
    strips = picture[: len(picture) // 2]
    counts = {each: count(strips, each) for each in (plots.BALL, plots.NO_BALL, plots.INK)}
    assert counts[colour] > 500
    assert all(counts[other] == 0 for other in {plots.BALL, plots.NO_BALL} - {colour})


def test_a_positive_difference_is_drawn_to_the_right_of_a_negative_one(tmp_path):
    places = []
    for difference in (0.05, -0.05):
        picture = drawn(tmp_path / "c.png", [number(difference, "better")] * 2, [row("all", 0, 0, "all")])
        strips = picture[: len(picture) // 2]
        places.append(np.nonzero((strips == ImageColor.getrgb(plots.BALL)).all(axis=2))[1].mean())
    assert places[0] > places[1] + 200


def test_bars_are_proportional_to_the_fixed_and_broken_patches(tmp_path, texts):
    numbers = [number(0.0, "none")] * 2
    picture = drawn(tmp_path / "c.png", numbers, [row("game", 80, 20)])
    below = picture[len(picture) // 2 : -100]  # without the legend
    assert count(below, plots.BALL) == pytest.approx(4 * count(below, plots.NO_BALL), rel=0.15)
    assert {"80", "20", "game (100)", "fixed by B", "broken by B"} <= set(texts)


def test_the_recordings_with_most_changed_patches_are_shown(tmp_path, texts):
    rows = [row(f"game{i:02d}", i, 0) for i in range(20)]
    picture = drawn(tmp_path / "c.png", [number(0.0, "none")] * 2, [row("top", 1, 1, "camera"), *rows])
    shown = list(dict.fromkeys(text.split()[0] for text in texts if text.endswith("(100)")))
    assert shown == ["top", *(f"game{i}" for i in range(19, 19 - GROUPS, -1))]
    fewer = drawn(tmp_path / "c.png", [number(0.0, "none")] * 2, rows[:3])
    assert len(fewer) < len(picture)  # with fewer bars, the chart is shorter, because each bar keeps its height


def test_the_strips_show_the_values_of_both_models(tmp_path, texts):
    drawn(tmp_path / "c.png", [number(0.05, "better"), number(0.01, "worse")], [row("all", 0, 0, "all")])
    assert {"A 50.0 %, B 55.0 %; B - A:", "A 0.500 px, B 0.510 px; B - A:", "recall", "centre error"} <= set(texts)


def test_the_bars_are_drawn_even_if_the_measures_are_undefined(tmp_path, texts):
    drawn(tmp_path / "c.png", [], [row("game", 3, 4)])
    assert {"3", "4", "B is better"} <= set(texts)
