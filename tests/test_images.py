"""Tests what a container image contains and how it starts.

A slow test builds and runs an image with `make image-check`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths  # the Docker SDK's own reader of .dockerignore; MLflow depends on the SDK

from .tiny import ROOT

SHARED = ("common", "dataset_tools", "grid_search", "mlflow_mirror", "robot_export")
PROJECTS = {"classifier_cnn": "classification", "detector_cnn_ball_radius_center": "detection"}
LOCKS = ("requirements.lock", "requirements-gpu.lock")


def context(root: Path) -> dict[str, int]:
    """Returns the files in `root` that are sent to the builder, with their sizes in bytes."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return {name: (root / name).stat().st_size for name in exclude_paths(root, patterns) if (root / name).is_file()}


def instructions(project: str) -> list[tuple[str, str]]:
    """Returns the Dockerfile's instructions in order: (name, rest of the instruction on one line)."""
    text = (ROOT / project / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines if line.strip()]


@pytest.fixture
def populated(tmp_path):
    """Makes a repository with gigabytes of data and secrets beside the code, as after a week of work."""
    for name in (*LOCKS, "requirements-dev.lock", "README.md", ".dockerignore", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in (*SHARED, *PROJECTS):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    junk = [
        "data/classification/big.h5",
        "runs/a/model.keras",
        "runs/mlflow.db",
        ".venv/lib/big.so",
        ".git/objects/pack",
    ]
    junk += ["classifier_cnn/patches.h5", "classifier_cnn/data/big.h5", "classifier_cnn/runs/a/model.json", ".env"]
    junk += ["classifier_cnn/.env", "common/.netrc", "common/__pycache__/cli.cpython-311.pyc", "common/id_ed25519"]
    junk += ["detector_cnn_ball_radius_center/runs/b/detector.tflite", "common/tls.pem", "classifier_cnn/train.log"]
    junk += [".pytest_cache/v/x", ".ruff_cache/y", ".hypothesis/z", "ball_models.egg-info/PKG-INFO", "core.1234"]
    for name in junk:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(200_000_000)  # sparse: takes no space
    return tmp_path, junk


def test_only_code_and_lock_files_of_a_populated_tree_are_sent(populated):
    root, junk = populated
    sent = context(root)
    assert not set(junk) & set(sent)
    assert sum(sent.values()) < 5_000_000
    kinds = {Path(name).suffix or name for name in sent}
    assert kinds <= {".py", ".sh", ".json", ".h", ".hpp", ".cpp", ".lock", ".dockerignore"}, kinds
    assert not [name for name in sent if name.startswith(("tests", "data/", "requirements-dev"))]


def test_all_code_is_sent():
    code = {path for name in (*SHARED, *PROJECTS) for path in (ROOT / name).rglob("*.py")}
    assert {str(path.relative_to(ROOT)) for path in code} <= set(context(ROOT))
    listed = subprocess.run(["git", "ls-files", *SHARED, *PROJECTS], cwd=ROOT, capture_output=True, text=True)
    tracked = {name for name in listed.stdout.split() if Path(name).suffix in (".sh", ".json", ".h", ".hpp", ".cpp")}
    assert tracked <= set(context(ROOT))


def test_both_dockerfiles_are_alike():
    one, other = ((ROOT / project / "Dockerfile").read_text(encoding="utf-8") for project in PROJECTS)
    for mine, yours in (*zip(*PROJECTS.items(), strict=True), ("the classifier,", "the detector,")):
        one = one.replace(mine, yours)
    assert one.replace("-t detector_cnn_ball_radius_center ", "-t detector_cnn ") == other


@pytest.mark.parametrize("project", PROJECTS)
def test_the_dockerfile_has_the_expected_instructions(project):
    steps = instructions(project)
    names = [name for name, _ in steps]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim\S*", steps[0][1])  # pinned to a patch release
    assert steps[1] == ("FROM", "${PYTHON_IMAGE}")
    copied = [rest for name, rest in steps if name == "COPY"]
    assert copied == [f"{' '.join(LOCKS)} /app/", *(f"{name} /app/{name}" for name in (*SHARED, project))]
    assert names.index("COPY") < names.index("RUN") < steps.index(("COPY", copied[1]))  # lock files come before code
    install = steps[names.index("RUN")][1]
    assert "--require-hashes" in install
    assert all(lock in install for lock in LOCKS)
    assert names.index("RUN") < names.index("ENV")
    assert "ARG" in names[names.index("ENV") :]  # the commit comes last, so that no layer is rebuilt for a new commit
    assert "ADD" not in names
    (user,) = (rest for name, rest in steps if name == "USER")
    assert re.fullmatch(r"[1-9]\d*:0", user)  # a number, because hosts that forbid root cannot check a user name
    (entrypoint,) = (json.loads(rest) for name, rest in steps if name == "ENTRYPOINT")  # exec form passes signals on
    assert entrypoint == ["python", "train.py"]
    assert (ROOT / project / entrypoint[1]).is_file()


@pytest.mark.parametrize("project", PROJECTS)
def test_everything_that_is_written_goes_to_the_one_volume(project):
    steps = instructions(project)
    (volume,) = (rest for name, rest in steps if name == "VOLUME")
    words = " ".join(rest for name, rest in steps if name == "ENV").split()
    variables = dict(word.split("=", 1) for word in words)
    for name in ("HOME", "TMPDIR", "BALL_DATA_ROOT", "BALL_OUTPUT_DIR"):
        assert variables[name].startswith(f"{volume}/")
    assert not [name for name in variables if re.search("PASS|TOKEN|SECRET|USERNAME", name)]


@pytest.mark.parametrize("project", PROJECTS)
def test_uv_has_the_locked_version(project):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (version,) = (rest.split("=")[1] for name, rest in instructions(project) if rest.startswith("UV_VERSION="))
    assert f"uv=={version}" in wanted["dev"]


@pytest.mark.parametrize("project", PROJECTS)
def test_the_dockerfile_renders_the_synthetic_dataset(project, tmp_path):
    runs = " ".join(rest for name, rest in instructions(project) if name == "RUN")
    (code,) = re.findall(r'python -c "(from dataset_tools[^"]*)"', runs)
    few = "from dataset_tools.synthetic import render_files as r; r.COUNTS[TASK] = dict.fromkeys(r.SPLITS, 2)\n"
    program = few.replace("TASK", repr(PROJECTS[project])) + code.replace("/data/datasets", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob(f"synthetic/*{PROJECTS[project]}*/*.h5"))) == 3


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("project", PROJECTS)
def test_the_image_passes_every_check(project):
    """Builds a real image without a GPU and runs every check of `make image-check`."""
    base = os.environ.get("BALL_PYTHON_IMAGE")
    if not base:
        pytest.skip("BALL_PYTHON_IMAGE is not set; it names the base image, for example python:3.11-slim")
    command = ["make", "image-check", f"PROJECT={project}", "ACCELERATOR=cpu"]
    checked = subprocess.run(
        [*command, f"ARGS=--build-arg PYTHON_IMAGE={base}"], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout[-5000:] + checked.stderr[-5000:]
    assert "can be handed over" in checked.stdout
