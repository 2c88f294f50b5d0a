"""The arrows of the house: a project imports itself and `common`, `common` none of ours; nobody edits sys.path."""

import ast
from pathlib import Path

import pytest

from .tiny import ROOT

PACKAGES = ("common", "classifier_cnn", "detector_cnn_ball_radius_center", "dataset_tools")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are qualified"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path):
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports(ast.parse(path.read_text())) if name.split(".")[0] in PACKAGES}
    assert ours <= {package, "common"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_tracking_knows_mlflow(path: Path):
    if path.is_relative_to(ROOT / "common" / "tracking"):
        return
    assert not any(name.split(".")[0] == "mlflow" for name in imports(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_edits_the_path_of_imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("sys", "path")


def test_both_trainings_have_the_same_files():
    one, other = ({path.name for path in (ROOT / package).glob("*.py")} for package in PACKAGES[1:3])
    assert one <= other
