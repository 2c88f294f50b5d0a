"""The arrows of the house: they run one way between the rooms, and nobody edits sys.path."""

import ast
from pathlib import Path

import pytest

from .tiny import ROOT

PROJECTS = ("classifier_cnn", "detector_cnn_ball_radius_center")
# A room may import the rooms named after it, and itself. `common` imports nobody of ours.
ARROWS = {
    "common": (),
    "robot_export": ("common",),
    "dataset_tools": ("common",),
    "grid_search": ("common",),
    **dict.fromkeys(PROJECTS, ("robot_export", "dataset_tools", "common")),
}
# Inside `common`: from the ground floor up.
GROUND = ("common.errors", "common.atomic_files", "common.provenance")
FLOORS = {
    "common.cli": (),
    "common.archive": ("common.cli",),
    "common.datasets": ("common.archive", "common.cli"),
    "common.training": ("common.datasets", "common.archive", "common.cli"),
    "common.tracking": ("common.cli",),
    "common.runs": ("common.training", "common.datasets", "common.archive", "common.tracking", "common.cli"),
}
# Inside dataset_tools, in the same way; `inspect` and the create_datasets commands stand on top.
TOOLS = {
    "dataset_tools.synthetic": (),
    "dataset_tools.sources": (),
    "dataset_tools.leaks": ("dataset_tools.sources",),
    "dataset_tools.building": ("dataset_tools.leaks", "dataset_tools.sources"),
    "dataset_tools.annotations": ("dataset_tools.sources",),
    "dataset_tools.cutting": ("dataset_tools.annotations", "dataset_tools.sources", "dataset_tools.building"),
    "dataset_tools.inspection": ("dataset_tools.leaks", "dataset_tools.sources"),
}
FILES = [path for package in ARROWS for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path):
    """Every module of ours that a file imports, `from folder import module` included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are qualified"
            folder = (ROOT / node.module.replace(".", "/")).is_dir()
            yield from ((f"{node.module}.{name.name}" for name in node.names) if folder else [node.module])


def room(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path):
    own = room(name_of(path), 1)
    ours = {room(name, 1) for name in imports(path) if room(name, 1) in ARROWS}
    assert ours <= {own, *ARROWS[own]}


@pytest.mark.parametrize("path", sorted((ROOT / "common").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_inside_common_imports_run_down(path: Path):
    own = room(name_of(path), 2)
    ours = {room(name, 2) for name in imports(path) if room(name, 1) == "common"}
    assert ours <= {own, *GROUND, *FLOORS.get(own, ())}


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.is_relative_to(ROOT / "dataset_tools")], ids=lambda path: path.stem
)
def test_inside_dataset_tools_imports_run_down(path: Path):
    own = room(name_of(path), 2)
    if own in TOOLS:
        ours = {room(name, 2) for name in imports(path) if room(name, 1) == "dataset_tools"}
        assert ours <= {own, *TOOLS[own]}


def test_common_has_three_loose_files():
    loose = {f"common.{path.stem}" for path in (ROOT / "common").glob("*.py")} - {"common.__init__"}
    assert loose == set(GROUND)


def test_no_two_files_import_each_other():
    """No cycle anywhere, late imports included."""
    names = {name_of(path): path for path in FILES}
    arrows = {name: {other for other in imports(path) if other in names} - {name} for name, path in names.items()}
    done, path = set(), []

    def walk(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for other in sorted(arrows[name]):
                walk(other)
            done.add(path.pop())

    for name in sorted(arrows):
        walk(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_tracking_knows_mlflow(path: Path):
    if not path.is_relative_to(ROOT / "common" / "tracking"):
        assert not any(room(name, 1) == "mlflow" for name in imports(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_edits_the_path_of_imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("sys", "path")


def test_both_projects_have_the_same_files():
    one, other = ({path.name for path in (ROOT / package).glob("*.py")} for package in PROJECTS)
    assert one - other == {"threshold.py"}  # a circle has none
