"""Imports between packages go in one direction, and only the lines that start the launcher edit sys.path."""

import ast
import re

from . import files_page, house
from .house import FILES, GROUND, PROJECTS, ROOT


def test_imports_follow_the_arrows():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        for name in house.imports(path)
        if (own := house.room_of(house.name_of(path))) and (other := house.room_of(name))
        if not house.may_import(own, other)
    ]
    assert not wrong


def test_a_wrong_arrow_is_noticed():
    assert not house.may_import("common.datasets", "common.training")
    assert not house.may_import("common.cli", "robot_export")
    assert not house.may_import("classifier_cnn", "detector_cnn_ball_radius_center")
    assert not house.may_import("grid_search", "dataset_tools.synthetic")
    assert house.may_import("classifier_cnn", "dataset_tools.synthetic")


def test_every_imported_name_exists():
    """Benchmarks are included, because some of them have no test."""
    files = [*FILES, *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert not [f"{path.relative_to(ROOT)} imports {name}" for path in files for name in house.unresolved(path)]


def test_common_has_three_loose_files():
    loose = {f"common.{path.stem}" for path in (ROOT / "common").glob("*.py")} - {"common.__init__"}
    assert loose == set(GROUND)


def test_no_two_files_import_each_other():
    """The imports form no cycle, even if late imports are included."""
    names = {house.name_of(path): path for path in FILES}
    arrows = {name: {other for other in house.imports(path) if other in names} - {name} for name, path in names.items()}
    done, way = set(), []

    def walk(name):
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            way.append(name)
            for other in sorted(arrows[name]):
                walk(other)
            done.add(way.pop())

    for name in sorted(arrows):
        walk(name)


def test_few_imports_are_late():
    """Imports inside functions are allowed only for the reasons in pyproject.toml, for example for a fast `--help`."""
    late = {
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in FILES
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(outer, ast.FunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert len(late) <= 25, sorted(late)


def test_only_one_package_imports_mlflow():
    outside = [path for path in FILES if not path.is_relative_to(ROOT / "mlflow_mirror")]
    assert not [path for path in outside if any(house.is_in(name, "mlflow") for name in house.imports(path))]


def test_only_the_lines_of_the_launcher_edit_sys_path():
    """The lines that start the launcher are the same in every program."""
    stub = r'if __name__ == "__main__":.*\n    sys\.path\[0\] = str\(.*\n    from common\.cli import launch\n'
    for path in FILES:
        text = re.sub(stub, "if True:\n", path.read_text(encoding="utf-8"), count=1)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("sys", "path"), path


def test_tests_mirror_the_tree():
    """The tests for robot_export/X.py are in tests/robot_export/test_X.py, and the same holds for every folder."""
    missing = {file for package in house.PACKAGES for file in house.without_test(package)}
    assert missing == set(house.NOT_MIRRORED), "write tests/FOLDER/test_FILE.py, or give the reason in NOT_MIRRORED"


def test_the_page_of_all_files_is_up_to_date():
    assert files_page.PAGE.read_text(encoding="utf-8") == files_page.page(), "run python -m tests.files_page"


def test_lines_of_logic_are_counted_without_text(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        '"""Text."""\n# comment\n\n\ndef f(x):\n    """Text."""\n    return (\n        x,\n        1,\n    )\n'
    )
    assert house.logic_lines(path) == 2


def test_both_projects_have_the_same_files():
    one, other = ({path.name for path in (ROOT / package).glob("*.py")} for package in PROJECTS)
    assert one - other == {
        "threshold.py",
        "mine.py",
        "mining.py",
        "venues.py",
        "leave_out_venues.py",
    }  # a circle has no threshold; mining and venues are for the classifier only
