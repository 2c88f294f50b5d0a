"""The command line of cut.py is checked before anything is read."""

import os
import re
import subprocess
import sys

import pytest

from common.errors import UserError
from dataset_tools.cutting.options import Geometry, parse_args


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "2", "1"], "--scale needs two numbers"),
        (["--every", "0"], "--every takes a whole number from 1 "),
        (["--seed", "-1"], "--seed takes a whole number from 0 "),
        (["--border", "-1"], "--border takes a number from 0 to 2. Received: -1"),
        (["--jitter", "nan"], "--jitter takes a number from 0 to 2. Received: nan"),
        (["--pictures", "nowhere"], "--pictures must be a folder"),
    ],
)
def test_wrong_arguments_give_a_one_line_error(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        parse_args(["pictures", "--output", "out", *arguments])
    assert "\n" not in str(caught.value)


def test_the_command_line_loads_nothing_heavy():
    heavy = "{'numpy', 'PIL', 'h5py', 'tensorflow'}"
    program = f"import sys; import dataset_tools.cutting.options; print({heavy} & {{*sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"


def test_patch_options_go_into_the_geometry_and_other_options_into_the_settings():
    words = "a b --output out --scale 0.5 2 --per-ball 7 --ball-class sphere ball --jobs 3 --recording (x) --camera top"
    settings = parse_args(words.split())
    assert settings.geometry == Geometry(scale=(0.5, 2.0), per_ball=7)
    assert [path.name for path in settings.sources] == ["a", "b"]
    assert (settings.ball_class, settings.jobs, settings.camera) == (("sphere", "ball"), 3, "top")
    assert settings.recording == re.compile("(x)")
    plain = parse_args(["a", "--output", "out"])
    assert plain.geometry == Geometry()
    assert plain.jobs == os.cpu_count()
    assert plain.recording is None


@pytest.mark.parametrize("pattern", ["(", "[a", "*"])
def test_an_invalid_regular_expression_gives_a_one_line_error(pattern, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_args(["a", "--output", "out", "--recording", pattern])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--recording: not a regular expression: " in line
    assert f"Received: {pattern}" in line
