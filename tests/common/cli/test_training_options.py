"""Tests the options that every run has, and which of them --resume accepts."""

import json
import shlex
from pathlib import Path

import pytest

from classifier_cnn import options as classifier_options
from common.errors import UserError
from detector_cnn_ball_radius_center import options as detector_options

from ...tiny import ROOT


def test_a_run_of_another_project_is_resumed_there(of_the_detector):
    with pytest.raises(UserError, match="belongs to detector_cnn_ball_radius_center, not to classifier_cnn") as error:
        classifier_options.parse_args(["--resume", "circles"])
    command = shlex.split(str(error.value).partition("Resume it with: ")[2])
    assert Path(command[1]).resolve() == ROOT / "detector_cnn_ball_radius_center/train.py"
    assert detector_options.parse_args(command[2:]).resume == str(of_the_detector)


@pytest.mark.parametrize("project", ["../evil", "my_other_cnn", "x\x1b[2J", 7])
def test_no_command_is_made_up_for_a_project_that_is_not_here(of_the_detector, project):
    config = json.loads((of_the_detector / "config.json").read_text())
    (of_the_detector / "config.json").write_text(json.dumps(config | {"project": project}))
    with pytest.raises(UserError) as error:
        classifier_options.parse_args(["--resume", "circles"])
    assert "train.py" not in str(error.value)


def test_settings_together_with_resume_are_refused_and_the_error_says_what_to_do(of_the_detector, monkeypatch):
    monkeypatch.chdir(of_the_detector.parent)
    with pytest.raises(UserError, match=r"Leave out --epochs, or start a new run .*: --init \S*circles/model\.keras$"):
        detector_options.parse_args(["--resume", "circles", "--epochs", "8"])
    (of_the_detector / "model.keras").unlink()
    with pytest.raises(UserError, match=r"Leave out --epochs\.$"):
        detector_options.parse_args(["--resume", "circles", "--epochs", "8"])


def test_a_bad_address_in_the_environment_is_refused_unless_it_is_replaced(monkeypatch, capsys):
    monkeypatch.setenv("BALL_ARCHIVE_URL", "ftp://x")
    with pytest.raises(SystemExit):
        classifier_options.parse_args(["--help"])
    assert "(default: ftp://x)" in " ".join(capsys.readouterr().out.split())
    assert classifier_options.parse_args(["--archive-url", "http://a"]).archive_url == "http://a"
    with pytest.raises(UserError, match="Received: 'ftp://x'"):
        classifier_options.parse_args([])
