from concurrent.futures import ThreadPoolExecutor

import pytest

from common.atomic_files import new_folder, read_json, replacing
from common.errors import UserError


def test_a_file_appears_complete_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "numbers.json"
    target.write_text("old")
    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "numbers.json"
    target.write_text("old")
    with pytest.raises(TypeError), replacing(target) as partial:  # noqa: PT012  half a file must be written first
        partial.write_text("half")
        partial.write_bytes("no bytes")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_gone_gives_a_one_line_error(tmp_path):
    with (
        pytest.raises(UserError, match=r"a\.txt cannot be written: No such file"),
        replacing(tmp_path / "no" / "a.txt") as p,
    ):
        p.write_text("text")


def test_new_folders_never_collide(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_folder(tmp_path / "deep" / "run"), range(16)))
    assert len(set(folders)) == 16
    assert {folder.name for folder in folders} == {"run", *(f"run-{number}" for number in range(2, 17))}


def test_a_folder_under_a_file_gives_a_one_line_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Received"):
        new_folder(tmp_path / "file" / "run")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match=r"config\.json is empty\. Received: "):
        read_json(tmp_path / "config.json")
