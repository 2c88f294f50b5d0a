"""Lists the packages (here "rooms") and their allowed imports; `python -m tests.house` prints the actual imports."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = ("classifier_cnn", "detector_cnn_ball_radius_center")
GROUND = ("common.errors", "common.atomic_files", "common.provenance")  # every package may import these
# Package -> the packages that it may import, in addition to itself and GROUND. A folder stands for all packages in it.
ROOMS = {
    **dict.fromkeys(GROUND, ()),
    "common.cli": (),
    "common.archive": ("common.cli",),
    "common.datasets": ("common.archive", "common.cli"),
    "common.training": ("common.datasets", "common.archive", "common.cli"),
    "common.tracking": ("common.cli",),
    "common.runs": ("common.training", "common.datasets", "common.archive", "common.tracking", "common.cli"),
    "robot_export": ("common",),
    "dataset_tools": ("dataset_tools", "common"),  # the commands: cut, inspect, create_datasets
    "dataset_tools.synthetic": ("dataset_tools.building", "common"),
    "dataset_tools.sources": ("common",),
    "dataset_tools.leaks": ("dataset_tools.sources", "common"),
    "dataset_tools.building": ("dataset_tools.leaks", "dataset_tools.sources", "common"),
    "dataset_tools.annotations": ("dataset_tools.sources", "common"),
    "dataset_tools.cutting": (
        "dataset_tools.annotations",
        "dataset_tools.building",
        "dataset_tools.sources",
        "common",
    ),
    "dataset_tools.scanning": (
        "dataset_tools.annotations",
        "dataset_tools.building",
        "dataset_tools.cutting",
        "dataset_tools.leaks",
        "dataset_tools.sources",
        "common",
    ),
    "dataset_tools.mining": (
        "dataset_tools.annotations",
        "dataset_tools.building",
        "dataset_tools.cutting",
        "dataset_tools.leaks",
        "dataset_tools.scanning",
        "dataset_tools.sources",
        "common",
    ),
    "dataset_tools.suspects": ("dataset_tools.sources", "common"),
    "dataset_tools.inspection": ("dataset_tools.leaks", "dataset_tools.sources", "common"),
    "grid_search": ("common",),
    "mlflow_mirror": ("common",),
    **dict.fromkeys(PROJECTS, ("robot_export", "dataset_tools", "common")),
}
LOGIC_LINES = 30  # a file with more lines of logic needs a test file named after it
NOT_MIRRORED = {  # file -> the file or folder that tests it
    **{f"{project}/training.py": "test_train.py trains whole runs" for project in PROJECTS},
    **{f"{project}/exporting.py": "tests/robot_export exports whole runs" for project in PROJECTS},
    **{f"{project}/report.py": "test_train.py and tests/common/runs/test_evaluation.py" for project in PROJECTS},
    "classifier_cnn/mining.py": "test_mine.py",
    "classifier_cnn/options.py": "test_train.py and tests/common/cli/test_training_options.py",
    "detector_cnn_ball_radius_center/plots.py": "test_train.py",
    "detector_cnn_ball_radius_center/together_report.py": "test_score_together.py",
}
PACKAGES = tuple(dict.fromkeys(room.split(".")[0] for room in ROOMS))
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    """Returns the dotted name of a file's module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_in(name: str, room: str) -> bool:
    """Returns whether a module or a package is inside the package `room`."""
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str | None:
    """Returns the smallest package that contains a module; None for foreign modules, and for `common` itself."""
    return max((room for room in ROOMS if is_in(name, room)), key=len, default=None)


def imports(path: Path) -> Iterator[str]:
    """Yields all modules that a file imports, including late imports and `from folder import module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are qualified"
            folder = (ROOT / node.module.replace(".", "/")).is_dir()
            yield from ((f"{node.module}.{name.name}" for name in node.names) if folder else [node.module])


def unresolved(path: Path) -> Iterator[str]:
    """Yields the names that a file imports from our packages but that do not exist, for example after a rename."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] in PACKAGES:
            given = _names_of(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names if name.name not in given)


@cache
def _names_of(module: str) -> frozenset[str]:
    """Returns the names that a module defines, and the names of the files of a package.

    The set is empty if the module does not exist.
    """
    place = ROOT / module.replace(".", "/")
    beside = {path.stem for path in place.iterdir()} if place.is_dir() else set()
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        return frozenset(beside)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            beside.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            beside.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            beside |= {name.asname or name.name for name in node.names}
    return frozenset(beside)


def logic_lines(path: Path) -> int:
    """Counts a file's lines without docstrings or comments; a statement that spans several lines counts as one line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return sum(bool(line) for line in ast.unparse(tree).splitlines())


def without_test(room: str) -> list[str]:
    """Returns a package's files that have more than LOGIC_LINES lines of logic but no test file named after them."""
    return [
        str(path.relative_to(ROOT))
        for path in FILES
        if is_in(name_of(path), room)
        and logic_lines(path) > LOGIC_LINES
        and not (ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.stem.strip('_')}.py")).is_file()
    ]


def may_import(room: str, other: str) -> bool:
    """Returns whether one package may import another."""
    return other in (room, *GROUND) or any(is_in(other, allowed) for allowed in ROOMS[room])


def arrows() -> dict[str, Counter]:
    """Counts, for every package, its imports from each of the other packages."""
    found = defaultdict(Counter)
    for path in FILES:
        if own := room_of(name_of(path)):
            found[own].update({room_of(name) for name in imports(path)} - {None, own})
    return found


def main() -> None:
    """Prints the number of files, the number of lines and the imports of every package, and the totals."""
    counts, lines, drawn = Counter(), Counter(), arrows()
    for path in FILES:
        room = room_of(name_of(path)) or "common"
        counts[room] += 1
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
    print(f"{'files':>5} {'lines':>6}  room")
    for room in ROOMS:
        to = ", ".join(f"{other} ({n})" for other, n in sorted(drawn[room].items()) if other not in GROUND)
        print(f"{counts[room]:5} {lines[room]:6}  {room}{f'  ->  {to}' if to else ''}")
    common = sum(n for room, n in lines.items() if is_in(room, "common"))
    count = sum(other not in GROUND for others in drawn.values() for other in others)
    print(f"{sum(counts.values()):5} {sum(lines.values()):6}  in total, {common} of them in common; {count} arrows")


if __name__ == "__main__":
    main()
