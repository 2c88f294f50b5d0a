"""inspect.py prints numbers and warnings and draws a picture for patch files, and prints one line for other files."""

import h5py
import numpy as np
import pytest
from PIL import Image

from dataset_tools import inspect
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.inspection import file_statistics, sheet


def textured(count, size=16, channels=1, seed=0):
    return np.random.default_rng(seed).integers(20, 230, (count, size, size, channels), dtype=np.uint8)


def circles(count):
    return np.random.default_rng(1).normal([0.39, 0.5, 0.5], [0.05, 0.09, 0.09], (count, 3)).clip(0.1, 0.9)


def shown(path):
    with Image.open(path) as picture:
        return np.array(picture.convert("L"))


def test_old_files_without_recordings(tmp_path, capsys):
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = textured(60), (np.arange(60) % 3 == 0).astype("f8")
    assert inspect.main([str(path), "--output-dir", str(tmp_path / "sheets")]) == 0
    out = capsys.readouterr().out
    assert "classification, 60 patches 16x16x1: 20 balls, 40 without" in out
    assert "warning" not in out
    assert shown(tmp_path / "sheets" / "old_sheet.png").std() > 20


@pytest.mark.parametrize(("size", "channels"), [(16, 2), (32, 1), (32, 2)])
def test_detection_files_of_every_shape(tmp_path, capsys, size, channels):
    path = tmp_path / "balls.h5"
    write_patches(path, textured(50, size, channels), circles(50), recording=["a", "b"] * 25, camera=["top"] * 50)
    assert inspect.main([str(path), "--output-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"detection, 50 patches {size}x{size}x{channels}: 50 balls, 0 without" in out
    assert "radius    mean 0.3" in out
    assert (tmp_path / "balls_sheet.png").is_file()


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


def test_warnings(tmp_path):
    X = textured(100)
    X[10:20] = X[:10]  # repeated
    X[20:30] = 255  # saturated, flat, and repeated
    ramp = np.linspace(0, 200, 16).astype(np.uint8)
    X[30:40, ..., 0] = ramp  # blurred
    path = tmp_path / "odd.h5"
    write_patches(path, X, np.arange(100) < 5, recording=["large"] * 80 + ["small"] * 20)
    found = file_statistics.warnings(file_statistics.gather(path, "classification"))
    assert found == [
        "imbalance: 5.0% of the patches are balls",
        "exact duplicates: 28 of 100 patches (28.0%)",
        "saturated: 10 of 100 patches (10.0%)",
        "blurred: 10 of 100 patches (10.0%)",
        "flat: 10 of 100 patches (10.0%)",
        "recording 'large' is 80% of the file",
    ]


def test_mixed_up_columns_and_centres_outside_the_patch_give_warnings(tmp_path):
    path = tmp_path / "mixed.h5"
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = textured(200), circles(200)[:, [1, 2, 0]]
    found = file_statistics.warnings(file_statistics.gather(path, "detection"))
    assert "look like [x, y, radius]" in found[0]
    y = circles(50)
    y[3, 1] = 1.1
    write_patches(tmp_path / "outside.h5", textured(50), y)
    found = file_statistics.warnings(file_statistics.gather(tmp_path / "outside.h5", "detection"))
    assert "1 balls have their centre outside the patch" in found


def test_files_that_share_patches_and_files_that_are_not_patch_files(tmp_path, capsys):
    write_patches(tmp_path / "train.h5", textured(30), np.arange(30) % 2)
    write_patches(tmp_path / "test.h5", textured(40)[20:], np.arange(20) % 2)
    (tmp_path / "page.h5").write_text("<html>")
    files = [str(tmp_path / name) for name in ("train.h5", "page.h5", "test.h5")]
    assert inspect.main([*files, "--no-picture"]) == 2
    out, err = capsys.readouterr()
    assert "warning: 10 of 20 patches of test.h5 are also in train.h5" in out
    assert "page.h5: not an HDF5 file" in err
    assert "cut.py" not in err


def test_for_a_patch_set_with_another_layout_the_error_names_cut(tmp_path, capsys):
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
def test_what_is_not_a_patch_file_gets_the_command_that_makes_one(name, following, tmp_path, capsys):
    for file in ("pictures/one.jpg", "pictures/boxes.json", "pictures/game.log", "root/top/game.zip"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"{}")
    assert inspect.main([str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / name}: not an HDF5 patch file. ")
    assert line.endswith(following.format(tmp_path))


def test_a_folder_of_patch_files_is_not_for_cutting(tmp_path, capsys):
    write_patches(tmp_path / "train.h5", textured(30), np.arange(30) % 2)
    assert inspect.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("is a folder. Give the path of an HDF5 patch file.\n")


def test_the_same_picture_twice(tmp_path):
    write_patches(tmp_path / "a.h5", textured(30), np.arange(30) % 2)
    for name in ("one", "two"):
        inspect.main([str(tmp_path / "a.h5"), "--output-dir", str(tmp_path / name)])
    one, two = ((tmp_path / name / "a_sheet.png").read_bytes() for name in ("one", "two"))
    assert one == two


def test_files_of_the_same_name_get_separate_pictures_and_no_patch_is_shown_twice(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_patches(tmp_path / folder / "a.h5", textured(30), circles(30))
    files = [str(tmp_path / folder / "a.h5") for folder in ("one", "two")]
    assert inspect.main([*files, "--output-dir", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"one_a_sheet.png", "two_a_sheet.png"}
    rows = sheet._choose(file_statistics.gather(tmp_path / "one" / "a.h5", "detection"), np.random.default_rng(0))
    balls = np.concatenate([indices for name, indices in rows if name == "balls"])
    assert sorted(balls) == list(range(30))
