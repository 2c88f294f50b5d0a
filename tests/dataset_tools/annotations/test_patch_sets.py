"""Patches that are already cut out are read from b-alls-2019.hdf5 and from class folders."""

import io
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools import cut
from tests.dataset_tools.annotations import scenes


def run(*arguments):
    return cut.main([str(argument) for argument in (*arguments, "--jobs", 1)])


def write_b_alls(path, shape=(32, 32, 1), count=300):
    generator = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, ball in (("negatives", 0), ("positives", 1)):
            file[f"{name}/data"] = generator.integers(0, 256, (count, *shape)).astype("u1")
            places = np.c_[ball * generator.uniform(12, 20, (count, 2)), ball * generator.uniform(6, 12, count)]
            file[f"{name}/labels"] = np.c_[np.full(count, ball), places].astype("f4")
    return path


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 1)])
def test_b_alls(shape, tmp_path):
    path = write_b_alls(tmp_path / "b-alls-2019.hdf5", shape)
    assert run(path, "--output", tmp_path / "out", "--camera", "bottom") == 0
    with zipfile.ZipFile(tmp_path / "out" / "bottom" / "b-alls-2019.zip") as archive:
        images = [Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()]
        pixels = np.stack([np.asarray(image) for image in images])
    with h5py.File(path) as file:
        wanted = np.concatenate([file[f"{name}/data"][:].reshape(-1, 32, 32) for name in ("negatives", "positives")])
        labels = np.concatenate([file[f"{name}/labels"][:] for name in ("negatives", "positives")])
    assert np.array_equal(pixels, wanted)
    keys = ("ball_intersect", "ball_center_x", "ball_center_y", "ball_radius")
    found = np.array([[float(image.text.get(key, 0)) for key in keys] for image in images])
    assert found == pytest.approx(labels, abs=6e-4)


def test_the_patches_of_an_hdf5_file_are_counted_one_by_one(tmp_path, capsys):
    assert run(write_b_alls(tmp_path / "b-alls-2019.hdf5"), "--output", tmp_path / "out") == 0
    assert "no camera in the path of 600 pictures" in capsys.readouterr().out


def test_b_alls_with_another_layout_is_refused(tmp_path):
    with pytest.raises(UserError, match="must be uint8"):
        run(write_b_alls(tmp_path / "a.hdf5", (32, 31)), "--output", tmp_path / "out")
    with h5py.File(write_b_alls(tmp_path / "c.hdf5"), "a") as file:
        del file["negatives/data"]
        file["negatives/data"] = h5py.ExternalLink("a.hdf5", "negatives/data")
    with pytest.raises(UserError, match=r"not stored in the file itself"):
        run(tmp_path / "c.hdf5", "--output", tmp_path / "out")
    with h5py.File(tmp_path / "c.hdf5", "a") as file:  # now the whole group is stored in another file
        del file["negatives"]
        file["negatives"] = h5py.ExternalLink("a.hdf5", "negatives")
    with pytest.raises(UserError, match=r"not stored in the file itself"):
        run(tmp_path / "c.hdf5", "--output", tmp_path / "out")
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["X"] = [1]
    with pytest.raises(UserError, match=r"no negatives/data and negatives/labels. Received: X"):
        run(tmp_path / "b.hdf5", "--output", tmp_path / "out")


def test_class_folders(tmp_path):
    for seed, name in enumerate(["game1/1/a.png", "game1/0/a.png", "game2/0/lower_b.png", "game2/1/c.png"]):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scenes.picture(seed, (32, 32)).save(path)
    scenes.picture(9, (640, 480)).save(tmp_path / "set" / "game2" / "0" / "whole.png")
    scenes.picture(8, (32, 32)).save(tmp_path / "set" / "readme.png")
    assert run(tmp_path / "set", "--output", tmp_path / "out") == 0
    found = {}
    for path in (tmp_path / "out").glob("*/*.zip"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                found[f"{path.parent.name}/{path.stem}/{name}"] = Image.open(io.BytesIO(archive.read(name))).text[
                    "ball_intersect"
                ]
    assert found == {
        "top/set_game1/game1/1/a.png_00.png": "1",
        "top/set_game1/game1/0/a.png_00.png": "0",
        "bottom/set_game2/game2/0/lower_b.png_00.png": "0",
        "top/set_game2/game2/1/c.png_00.png": "1",
    }
