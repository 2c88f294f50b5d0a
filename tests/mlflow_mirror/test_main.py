"""Tests the command line of `python3 mlflow_mirror`."""

import subprocess
import sys

import pytest

from common.errors import UserError
from mlflow_mirror.__main__ import main

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_help_needs_no_heavy_import():
    program = "import sys; from common import tracking; import mlflow_mirror.__main__ as m; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for module in ("mlflow", "sqlalchemy", "numpy", "tensorflow"):
        assert f"'{module}'" not in loaded


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "nowhere"], "it has no tracking/journal.jsonl. Received: nowhere"),
        (["status", "nowhere"], "another folder of runs with --output-dir"),
        (["sync", "--to", "nonsense"], "Tracking must be one of default, deepl, local"),
        (["sync", "--to", ""], "Tracking must be one of default, deepl, local"),
        (["status", "--output-dir", "nowhere"], "There is no such folder. Received: --output-dir nowhere"),
        (["sync", "--to", "sqlite:////nowhere/x.db"], "The local store cannot be used: its folder does not exist"),
    ],
)
def test_bad_input_gives_one_line(arguments, words, tmp_path):
    with pytest.raises(UserError, match=words):
        main([arguments[0], "--output-dir", str(tmp_path), *arguments[1:]])


def test_the_commands_look_for_runs_where_they_are_written(monkeypatch, tmp_path):
    """In a container, BALL_OUTPUT_DIR is the mounted folder; in any other folder, sync would find no runs to send."""
    from mlflow_mirror.__main__ import parse_args

    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    assert parse_args(["sync"]).output_dir == tmp_path
    assert parse_args(["status", "--output-dir", "elsewhere"]).output_dir.name == "elsewhere"
