"""The description of a patch file contains its counts, groups, attributes and warnings."""

import h5py
import numpy as np
import pytest

from dataset_tools import inspect
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.inspection import describe
from dataset_tools.inspection.file_statistics import gather

from .textured_patches import circles, textured

RED = "\x1b[31m"


def test_attributes_and_recordings_are_not_printed_raw(tmp_path, capsys):
    path = tmp_path / f"a{RED}.h5"
    with h5py.File(path, "w") as file:
        file["X"] = np.random.default_rng(0).integers(20, 230, (60, 16, 16, 1), dtype=np.uint8)
        file["y"], file["recording"] = np.arange(60) % 2, np.array([f"log{RED}".encode()] * 60)
        file.attrs[f"note{RED}"] = f"{RED}read me\x07"
        file.attrs["list"] = [1, 2, 3]
        file.attrs["text"] = "plain"
    assert inspect.main([str(path), "--no-picture"]) == 0
    out = capsys.readouterr().out
    assert RED not in out
    assert "\x07" not in out
    assert r"note\x1b[31m: \x1b[31mread me\x07" in out
    assert "list: [1 2 3]" in out
    assert "text: plain" in out
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert inspect.main([str(path), "--no-picture"]) == 2
    assert RED not in capsys.readouterr().err


def test_an_unused_attribute_is_not_read(tmp_path, capsys):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["X"] = np.random.default_rng(0).integers(20, 230, (60, 16, 16, 1), dtype=np.uint8)
        file["y"] = np.arange(60) % 2
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, b"recorded", h5py.h5t.UNIX_D32LE, scalar)
        h5py.h5a.create(file.id, b"\xff\xfe", h5py.h5t.NATIVE_INT32, scalar)
        h5py.h5a.create(file.id, b"nothing", h5py.h5t.NATIVE_INT32, h5py.h5s.create(h5py.h5s.NULL))
        odd = h5py.h5t.NATIVE_INT32.copy()
        odd.set_size(3)
        h5py.h5a.create(file.id, b"three", odd, scalar)
        file.attrs["pointer"] = file["X"].ref
        file.attrs["n"] = 7
    assert inspect.main([str(path), "--no-picture"]) == 0
    out = capsys.readouterr().out
    assert "  n: 7" in out
    assert "  recorded: (" in out


def test_counts_per_recording_camera_and_origin(tmp_path, capsys):
    path = tmp_path / "new.h5"
    names = np.repeat(["game 1", "game 2", ""], [20, 15, 5])
    columns = {"recording": names, "camera": ["top"] * 40, "origin": ["naoth"] * 40}
    write_patches(path, textured(40), np.arange(40) < 10, **columns, attributes={"seed": 3})
    assert inspect.main([str(path), "--no-picture"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["game", "1", "20", "10"] in [row[:4] for row in rows]
    assert ["(none)", "5", "0"] in [row[:3] for row in rows]
    assert "  seed: 3" in out.splitlines()
    assert not list(tmp_path.glob("*.png"))


def test_shared_patches_and_files_that_are_not_patch_files_are_reported(tmp_path, capsys):
    write_patches(tmp_path / "train.h5", textured(30), np.arange(30) % 2)
    write_patches(tmp_path / "test.h5", textured(40)[20:], np.arange(20) % 2)
    (tmp_path / "page.h5").write_text("<html>")
    files = [str(tmp_path / name) for name in ("train.h5", "page.h5", "test.h5")]
    assert inspect.main([*files, "--no-picture"]) == 2
    out, err = capsys.readouterr()
    assert "warning: 10 of 20 patches of test.h5 are also in train.h5" in out
    assert "page.h5: not an HDF5 file" in err
    assert "cut.py" not in err


def test_the_error_for_a_patch_set_with_another_layout_names_cut(tmp_path, capsys):
    with h5py.File(tmp_path / "b-alls-2019.hdf5", "w") as file:
        file["positives/data"] = textured(4)
    assert inspect.main([str(tmp_path / "b-alls-2019.hdf5")]) == 2
    assert "has no X" in (err := capsys.readouterr().err)
    assert err.endswith(f"cut.py {tmp_path / 'b-alls-2019.hdf5'} --output patches\n")


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("pictures", "cut.py {}/pictures --output patches"),
        ("pictures/one.jpg", "cut.py {}/pictures --output patches"),
        ("pictures/boxes.json", "cut.py {}/pictures/boxes.json --output patches"),
        ("pictures/game.log", "cut.py {}/pictures/game.log --output patches"),
        ("root", "create_datasets.py --naoth {}/root --origins naoth --output-dir datasets"),
        ("root/top/game.zip", "create_datasets.py --naoth {}/root --origins naoth --output-dir datasets"),
    ],
)
def test_the_error_for_other_inputs_suggests_the_command_that_makes_patches(name, following, tmp_path, capsys):
    for file in ("pictures/one.jpg", "pictures/boxes.json", "pictures/game.log", "root/top/game.zip"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"{}")
    assert inspect.main([str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / name}: not an HDF5 patch file. ")
    assert line.endswith(following.format(tmp_path))


def test_no_command_is_suggested_for_a_file_of_another_kind(tmp_path, capsys):
    (tmp_path / "notes.md").write_text("# Notes")
    assert inspect.main([str(tmp_path / "notes.md")]) == 2
    assert capsys.readouterr().err.endswith("not an HDF5 patch file. Give the path of an .h5 file.\n")


def test_no_command_is_suggested_for_a_folder_of_patch_files(tmp_path, capsys):
    write_patches(tmp_path / "train.h5", textured(30), np.arange(30) % 2)
    assert inspect.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("is a folder. Give the path of an HDF5 patch file.\n")


def test_files_of_the_same_name_get_separate_pictures(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_patches(tmp_path / folder / "a.h5", textured(30), circles(30))
    files = [str(tmp_path / folder / "a.h5") for folder in ("one", "two")]
    assert inspect.main([*files, "--output-dir", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"one_a_sheet.png", "two_a_sheet.png"}


def test_a_table_shows_the_largest_groups_and_counts_the_others(tmp_path):
    recordings = [f"log {index:02d}" for index in range(20) for _ in range(20 - index)]
    write_patches(tmp_path / "a.h5", textured(210), np.arange(210) % 2, recording=recordings)
    lines = describe.describe(gather(tmp_path / "a.h5", "classification")).splitlines()
    shown = [line.split()[:3] for line in lines if "log " in line]
    assert shown == [["log", f"{index:02d}", f"{20 - index}"] for index in range(describe.ROWS_MAX)]
    assert f"    and {20 - describe.ROWS_MAX} more" in lines
