"""Untrusted text cannot control the terminal."""

import pytest

from common.cli.printable import printable, visible
from common.cli.program import run_main
from common.errors import UserError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ball", "a ball"),
        ("Fußball ⚽", "Fußball ⚽"),
        ("two\n lines\t", "two lines"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("abc\rdef\b\a", r"abc def\x08\x07"),
        ("gnp.\u202egpj", r"gnp.\u202egpj"),
        (b"\xff\x1b", r"\udcff\x1b"),
        (None, "None"),
    ],
)
def test_control_characters_become_visible(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\rbar 10%\r", "\rbar 10%\r"),
        ("\r", "\r"),
        ("one\n\ttwo\n", "one\n\ttwo\n"),
        ("failed\rok\n", "failed\\rok\n"),
        ("a\x1b[2Jb\n", "a\\x1b[2Jb\n"),
    ],
)
def test_lines_and_progress_bars_are_unchanged(text, shown):
    assert visible(text) == shown


def test_long_texts_are_cut():
    assert printable("x" * 1000, 10) == "xxxxxxxxxx... (1000 characters)"


def test_errors_are_printed_in_one_line_without_control_characters(capsys):
    def main():
        raise UserError("no \x1b]0;title\x07 like\n this")

    assert run_main(main) == 2
    assert capsys.readouterr().err == "error: no \\x1b]0;title\\x07 like this\n"
