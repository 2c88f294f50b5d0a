"""Archives are written completely, with names that every system accepts."""

import string
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from dataset_tools.cutting import archives
from tests.dataset_tools.annotations import scenes

from .cut_and_read import run


def test_existing_archives_are_not_lost(tmp_path, pictures):
    source = scenes.yolo(pictures)
    assert run(source, "--output", tmp_path / "out") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")}
    with pytest.raises(UserError, match="already has these recordings"):
        run(source, "--output", tmp_path / "out", "--seed", 3)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")} == before
    assert run(source, "--output", tmp_path / "out", "--seed", 3, "--replace") == 0
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")} != before
    assert not list((tmp_path / "out").glob(".*"))


names = st.text(st.characters(codec=None), max_size=50) | st.text(string.punctuation + " .", max_size=20)
names |= st.text(min_size=1, max_size=5).map(lambda text: 100 * text)


@given(names)
def test_a_name_is_accepted_everywhere_and_stays_in_its_folder(text):
    name = archives.file_name(text)
    assert 0 < len(name.encode()) <= archives.NAME_MAX
    assert name.isprintable()
    assert not set(name) & set('\\/:*?"<>|')
    assert name.strip(" .") == name
    assert archives.file_name(name) == name


@given(st.lists(names, max_size=5))
def test_a_members_name_keeps_folders_but_never_points_outside(parts):
    name = archives.member_name("/".join(parts))
    assert not name.startswith("/")
    assert "\\" not in name
    assert not {"", ".", ".."} & set(name.split("/")) or name == ""
    assert archives.member_name("a\\b/../c//.") == "a/b/c"


def test_members_get_different_names_and_the_same_members_give_identical_archives(tmp_path):
    members = [("a/x", b"one"), ("a/x", b"two"), ("ä", b""), ("a/x", bytes(10_000))]
    for name in ("one", "two"):
        assert archives.write(tmp_path / name / "log.zip", iter(members)) == 4
    with zipfile.ZipFile(tmp_path / "one" / "log.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/x_00.png", "a/x_01.png", "ä_00.png", "a/x_02.png"]
        assert [archive.read(name) for name in archive.namelist()] == [content for _, content in members]
    assert (tmp_path / "one" / "log.zip").read_bytes() == (tmp_path / "two" / "log.zip").read_bytes()


def test_without_members_there_is_no_archive(tmp_path):
    assert archives.write(tmp_path / "top" / "log.zip", iter([])) == 0
    assert not list(tmp_path.rglob("*.zip"))


@pytest.mark.parametrize("other", ["top/log.zip", "top/log"])
def test_a_recording_that_exists_as_zip_or_folder_needs_replace(tmp_path, other):
    (tmp_path / other).mkdir(parents=True)
    with pytest.raises(UserError, match=r"already has these recordings\. Received: top/log\.zip\. .*--replace"):
        archives.check(tmp_path, ["top/log.zip", "bottom/log.zip"], False)
    archives.check(tmp_path, ["bottom/log.zip"], False)
    archives.check(tmp_path, ["top/log.zip"], True)


def test_published_archives_replace_only_archives_of_the_same_name(tmp_path):
    unfinished, root = tmp_path / "unfinished", tmp_path / "root"
    for folder, content in ((root, b"old"), (unfinished, b"new")):
        for camera in ("top", "bottom"):
            (folder / camera).mkdir(parents=True)
            (folder / camera / f"{content.decode()}.zip").write_bytes(content)
            (folder / camera / "log.zip").write_bytes(content)
    assert archives.publish(unfinished, root) == ["bottom/log.zip", "bottom/new.zip", "top/log.zip", "top/new.zip"]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.zip")}
    assert found == {
        f"{camera}/{name}.zip": b"old" if name == "old" else b"new"
        for camera in ("top", "bottom")
        for name in ("old", "new", "log")
    }
    assert not list(unfinished.rglob("*.zip"))
