"""The hidden folder for unfinished files is deleted at the end, as are the folders of killed processes."""

import os
import signal
import tempfile

import pytest
from filelock import FileLock

from dataset_tools.building.working_folder import working_folder


def test_leftovers_of_a_killed_build_are_removed_but_files_in_use_are_not(tmp_path):
    folder = tmp_path / "out"
    for name in (".build-killed", ".build-used", ".build-young"):
        (folder / name / "files").mkdir(parents=True)
    (folder / ".build-killed" / "in_use.lock").touch()  # the process that made the folder took the lock and has ended
    (folder / ".build-empty").mkdir()  # the process that made the folder was killed before it took the lock
    for name in (".build-killed", ".build-used", ".build-empty"):
        os.utime(folder / name, (0, 0))
    with FileLock(folder / ".build-used" / "in_use.lock"):
        os.utime(folder / ".build-used", (0, 0))
        with working_folder(folder, ".build-") as ours:
            (ours / "unfinished").touch()
    assert {path.name for path in folder.glob(".build-*")} == {".build-used", ".build-young"}


def test_ctrl_c_just_after_the_working_folder_was_made_leaves_nothing_behind(tmp_path, monkeypatch):
    def make(*arguments, really=tempfile.mkdtemp):
        name = really(*arguments)
        signal.raise_signal(signal.SIGINT)
        return name

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with pytest.raises(KeyboardInterrupt), working_folder(tmp_path, ".build-"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_new_parent_folder_stays_only_if_the_work_succeeds(tmp_path):
    for error, name in ((InterruptedError, "new"), (KeyboardInterrupt, "stopped")):
        with pytest.raises(error), working_folder(tmp_path / name, ".cut-"):
            raise error
    (tmp_path / "old").mkdir()
    with pytest.raises(InterruptedError), working_folder(tmp_path / "old", ".cut-"):
        raise InterruptedError
    with working_folder(tmp_path / "done", ".cut-"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"old", "done"}


def test_folders_of_other_programs_are_left_alone(tmp_path):
    """`--output-dir out` makes folders named `.out-*`; a user may have a folder `.out-backup` in the same place."""
    kept = [tmp_path / name / "data.txt" for name in (".out-backup", ".other-")]
    ours = tmp_path / ".out-killed" / "in_use.lock"
    for path in (*kept, ours):
        path.parent.mkdir()
        path.write_text("")
        os.utime(path.parent, (0, 0))
    with working_folder(tmp_path, ".out-"), working_folder(tmp_path, ".o*-"):
        pass
    assert all(path.exists() for path in kept)
    assert not ours.parent.exists()
