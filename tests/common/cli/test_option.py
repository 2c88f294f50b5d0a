"""Options are declared once, as fields. The fields define how options are parsed, checked and stored as JSON."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.cli.option import add_options, as_json, check_limits, from_json, option
from common.errors import UserError


@dataclass(frozen=True)
class Options:
    sizes: tuple[int, ...] = option((1, 2), "some numbers", "N")
    most: int | None = option(None, "at most", "N", low=1, high=9)
    rate: float = option(0.5, "how fast", "X")
    quick: bool = option(True, "hurry")
    way: str = option("up", "where to", choices=("up", "down"))
    place: Path = option(lambda: Path("here"), "a folder", "DIR")
    hidden: str = "not an option"


def parsed(*words, without=()):
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS, exit_on_error=False)
    add_options(parser, Options, {"sizes": "numbers", "way": "places"}, without)
    return vars(parser.parse_args(words)), parser.format_help()


def test_the_fields_define_the_command_line():
    given, text = parsed(
        "--sizes", "3", "4", "--most", "5", "--rate", "2", "--no-quick", "--way", "down", "--place", "x"
    )
    assert given == {"sizes": [3, 4], "most": 5, "rate": 2.0, "quick": False, "way": "down", "place": Path("x")}
    assert "hidden" not in text
    assert [line for line in text.splitlines() if re.fullmatch(r"[a-z]+:", line)][-2:] == ["numbers:", "places:"]
    assert parsed()[0] == {}  # the parser has no defaults


def test_options_can_be_left_out_and_empty_groups_have_no_title():
    text = parsed(without=("way", "place", "most"))[1]
    assert "--most" not in text
    assert "places:" not in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"most": 10}, "--most takes a whole number from 1 to 9. Received: 10."),
        ({"way": "left"}, "--way must be one of up, down. Received: left."),
    ],
)
def test_values_outside_their_limits_are_refused(values, message):
    check_limits(Options())
    with pytest.raises(UserError, match=re.escape(message)):
        check_limits(Options(**values))


def test_options_are_unchanged_after_a_round_trip_through_json(tmp_path):
    options = Options(sizes=(3,), most=4, place=tmp_path)
    assert from_json(Options, as_json(options)) == options
    assert from_json(Options, as_json(options), rate=0.25).rate == 0.25


@pytest.mark.parametrize("saved", [{"most": "4"}, {"sizes": [1.5]}, {"place": "a\0b"}, {"quick": 1}, {"other": 1}])
def test_edited_json_is_refused(saved):
    with pytest.raises(UserError, match=r"Received: "):
        from_json(Options, saved)
