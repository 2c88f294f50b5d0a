"""Both programs called create_datasets.py can be run as scripts, as modules and through their shell scripts."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from .helpers import ROOT


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_runs_as_a_script_in_its_folder_and_as_a_module(project):
    folder = ROOT / "dataset_tools" / project
    script = subprocess.run(
        [sys.executable, "create_datasets.py", "--help"], cwd=folder, capture_output=True, text=True, check=True
    )
    module = [sys.executable, "-m", f"dataset_tools.{project}.create_datasets", "--naoth", "nowhere"]
    failed = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "--check-published" in script.stdout
    assert failed.returncode == 2
    assert failed.stderr == "error: --naoth must be a folder. Received: nowhere.\n"


@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the environment is somewhere else")
@pytest.mark.parametrize(
    "script", ["ball_classification_datasets/create_datasets.py", "ball_detection_datasets/create_datasets.py"]
)
def test_the_script_finds_the_environment_by_itself(script):
    bare = [
        sys.executable,
        "-S",
        ROOT / "dataset_tools" / script,
        "--naoth",
        "nowhere",
    ]  # -S: Python does not find the installed packages
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --naoth must be a folder. Received: nowhere.\n")


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_the_shell_script_builds_all_combinations(tmp_path, naoth, devils, tk03, project):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "segmentation_border20").symlink_to(naoth)
    script = ROOT / "dataset_tools" / project / "create_datasets.sh"
    more = ["--tk03", tk03[0], *(["--devils", devils] if "class" in project else []), "--jobs", "1", "--max-leaks", "1"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": path}
    shell = partial(subprocess.run, capture_output=True, text=True, check=False, env=environment)
    done = shell([script, roots, tmp_path / "out", *more])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(": 4 built, 68 skipped")
    usage = shell([script])
    assert usage.returncode == 2
    assert "Usage:" in usage.stderr
