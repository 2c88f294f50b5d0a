"""The command line of predict.py accepts only numbers within their limits."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.scanning.predict_options import prediction_parser, within


@given(st.integers(-(10**9), 10**9) | st.sampled_from([1, 2, 3, 1999, 2000, 2001]))
def test_a_number_is_accepted_only_within_its_limits(number):
    for kind in (int, float):
        if 2 <= number <= 2000:
            assert within(kind, 2, 2000)(str(number)) == number
        else:
            with pytest.raises(argparse.ArgumentTypeError, match="from 2 to 2,000"):
                within(kind, 2, 2000)(str(number))


@pytest.mark.parametrize("text", ["", "nan", "inf", "ten", "1e400", "5.5"])
def test_a_value_that_is_not_a_whole_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"takes a whole number from 0 to 9. Received: {text}"):
        within(int, 0, 9)(text)
    if text != "5.5":
        with pytest.raises(argparse.ArgumentTypeError, match="takes a number"):
            within(float, 0, 9)(text)


def test_options_have_defaults_and_take_several_sources(tmp_path):
    model = tmp_path / "model.keras"
    model.touch()
    arguments = prediction_parser("Finds balls.").parse_args([str(model), "a", "b.zip", "--radius", "9", "3"])
    assert [path.name for path in arguments.sources] == ["a", "b.zip"]
    assert arguments.radius == [9, 3]
    assert (arguments.threshold, arguments.border, arguments.output_dir, arguments.label_studio) == (None,) * 3 + (
        False,
    )
    assert arguments.jobs >= 1


@pytest.mark.parametrize(
    "words", [["--radius", "1", "9"], ["--radius", "9"], ["--scale", "0"], ["--candidates", "0.5"], ["--jobs", "0"]]
)
def test_an_impossible_value_gives_a_one_line_error(tmp_path, capsys, words):
    model = tmp_path / "model.keras"
    model.touch()
    with pytest.raises(SystemExit) as caught:
        prediction_parser("Finds balls.").parse_args([str(model), "a", *words])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words[0] in line
