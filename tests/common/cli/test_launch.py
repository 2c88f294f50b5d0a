"""Starts programs as a newcomer would: as the docs show them, from any folder, with a Python that has no packages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.cli import launch

from ...tiny import ROOT, environment

DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("*/[Rr][Ee][Aa][Dd][Mm][Ee].md")), *sorted(ROOT.glob("docs/*.md"))]
PROGRAM = (
    r"(?:python3|\.venv/bin/python) (?:(?:[\w.]+/)*\w+\.py|(?:\.\./)*(?:grid_search|mlflow_mirror))(?![\w./])"
    r"|bash (?:[\w.]+/)*\w+\.sh"
)
BARE = Path(sys._base_executable)


def documented() -> dict[tuple[str, str], list[str]]:
    """Returns {(folder, program): arguments} for all programs named in documents, model cards and help texts."""
    found = {}
    for path in sorted({*DOCUMENTS, *ROOT.glob("*/*.py"), *ROOT.glob("*/*.sh"), *ROOT.glob("dataset_tools/*/*.py")}):
        if path.parts[len(ROOT.parts)] in (".venv", "tests"):
            continue
        text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
        for program, rest in re.findall(rf"({PROGRAM})([^\n`\"']*)", text):
            script = program.split()[1]
            if script.endswith("my_cnn.py"):  # the reader writes this script; tests/test_readme.py runs it
                continue
            # The path may be relative to the document's folder, the repository, or (after a `cd`) a project.
            places = [path.parent, ROOT, *ROOT.glob("*_cnn*/"), *ROOT.glob("dataset_tools/*_datasets/")]
            folder = next((place for place in places if (place / script).exists()), None)
            assert folder, f"{path.relative_to(ROOT)}: {program}"
            found.setdefault((str(folder), program), []).append(rest.split("#")[0])
    return found


@pytest.fixture(params=["bare", "a_keras_of_its_own"])
def newcomer(request, tmp_path):
    """Returns the environment variables of a shell that has `python3` but no `python` and no virtual environment."""
    environment_of = tmp_path / "theirs"
    subprocess.run([BARE, "-m", "venv", "--without-pip", environment_of], check=True)
    (environment_of / "bin/python").unlink()
    if request.param == "a_keras_of_its_own":
        (packages,) = environment_of.glob("lib/python*/site-packages")
        for name in ("keras", "tensorflow", "h5py"):
            (packages / name).mkdir()
            (packages / name / "__init__.py").write_text("raise SystemExit('another Keras')")
    found = {name: value for name, value in environment().items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return found | {"PATH": f"{environment_of}/bin:/usr/bin:/bin"}


needs_venv = pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the environment is somewhere else")


def test_programs_are_found_in_the_documents():
    assert len(documented()) > 15


@needs_venv
@pytest.mark.parametrize(("folder", "program"), sorted(documented()), ids=lambda value: Path(value).name)
def test_every_documented_program_starts_and_knows_the_options(folder, program, newcomer):
    script = program.split()[1]
    if "benchmarks" in (script.partition("/")[0], Path(folder).name):  # these have no launcher
        assert program.startswith(".venv/bin/python")
        return
    ask = [] if script.endswith("create_datasets.sh") else ["--help"]
    told = subprocess.run(
        [*program.split(), *ask], cwd=folder, env=newcomer, capture_output=True, text=True, check=False
    )
    if not ask:
        assert told.returncode == 2
        assert "Usage:" in told.stderr
        return
    assert told.returncode == 0, told.stderr
    # The help of these programs does not list all options: some belong to runs (scripts, grids) or to subcommands.
    if script.endswith(".sh") or "grid_search" in script or "mlflow_mirror" in script:
        return
    known = set(re.findall(r"--[a-z][\w-]*", told.stdout))
    for rest in documented()[folder, program]:
        assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", rest)) <= known, rest


@needs_venv
def test_a_printed_command_runs_from_where_it_is_printed(newcomer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", newcomer["PATH"])
    (tmp_path / "my runs").mkdir()
    line = launch.command("mlflow_mirror", "status", "--output-dir", launch.shortest(tmp_path / "my runs"))
    told = subprocess.run(line, shell=True, cwd=tmp_path, env=newcomer, capture_output=True, text=True, check=False)
    said = "No runs found in my runs. Choose another folder with --output-dir.\n"
    assert (told.returncode, told.stdout) == (0, said), told.stderr


def test_without_an_environment_one_line_says_how_to_make_it(tmp_path):
    for name in ("common/__init__.py", "common/cli/__init__.py", "common/cli/launch.py", "classifier_cnn/train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    told = subprocess.run(
        [BARE, "-I", tmp_path / "classifier_cnn/train.py"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert f"make -C {tmp_path} setup" in told.stderr


def test_an_older_python_can_parse_the_launcher():
    """The launcher must not use new syntax.

    An older Python has to parse the launcher, which then starts the right Python.
    """
    import ast

    ast.parse((ROOT / "common/cli/launch.py").read_text(), feature_version=(3, 7))
    for name in ("common/__init__.py", "common/cli/__init__.py"):
        assert not [node for node in ast.parse((ROOT / name).read_text()).body if not isinstance(node, ast.Expr)]
