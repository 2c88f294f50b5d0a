"""The files of a family are written, described and put in place together."""

import json

import h5py
import numpy as np
import pytest

from common.archive.checksums import sha256_of
from common.archive.fetch import fetch
from common.datasets.families import SPLITS
from common.errors import UserError
from dataset_tools.building import choose_patches, write_families
from dataset_tools.building.options import parse_args
from dataset_tools.building.subsample_chunk import Plan
from dataset_tools.building.write_families import read_sums

from ..helpers import contents, family, load
from .small_store import batch, filled


def test_checksums_match_the_files_and_the_archive_client_accepts_them(tmp_path, build, serve):
    assert build("classification", "--camera", "combined", "top") == 0
    folder = tmp_path / "out" / family().folder
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {path.name: sha256_of(path) for path in folder.glob("*.h5")}
    assert len(lines) == 11
    with serve(tmp_path / "out") as url:
        assert fetch(family().file("train"), tmp_path / "cache", url).is_file()
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace(lines[0][0], "0" * 64))
        wrong = f"{family().folder}/{lines[0][1]}"
        with pytest.raises(UserError):
            fetch(wrong, tmp_path / "cache", url)


def test_files_that_a_family_no_longer_has_are_removed(tmp_path, build):
    assert build("classification") == 0
    assert build("classification", "--origins", "naoth", "--split", 1, 1, 0) == 0
    names = sorted(path.name.split("16x16_")[1].split("_")[0] for path in (tmp_path / "out").rglob("*.h5"))
    assert names == ["naoth", "train", "validation"]
    sums = (tmp_path / "out" / family().folder / "SHA256SUMS").read_text()
    assert len(sums.splitlines()) == 3


@pytest.mark.parametrize("channels", [1, 2])
def test_the_means_are_right_for_any_number_of_pixels(channels):
    X = np.random.default_rng(0).integers(0, 256, (2 * write_families.MEAN_BLOCK + 5, 4, 4, channels), dtype=np.uint8)
    X[-5:] = 255
    found = write_families.means(X)
    assert found["mean"] == pytest.approx(X[..., 0].mean() / 255)
    if channels == 1:
        assert found.keys() == {"mean"}
    else:
        assert found["mean_u"] == pytest.approx(X[:, :, 0::2, 1].mean() / 255)
        assert found["mean_v"] == pytest.approx(X[:, :, 1::2, 1].mean() / 255)


def written(folder, task, count, **change):
    """Writes a family of `count` patches from each of two origins to folder/unfinished; returns the store and files."""
    plan = Plan((16, 32), True, "centres")
    recordings, ball = [f"log {k % 9}" for k in range(count)], {"ball": 0.9, "circle": (0.4, 0.5, 0.5)}
    (folder / "store").mkdir(parents=True, exist_ok=True)
    batches = [batch(recordings, plan, seed, origin, **ball) for seed, origin in enumerate(("naoth", "tk03"))]
    store = filled(folder / "store", *batches, plan=plan)
    chosen = family(task, **change)
    settings = parse_args(task, ["--naoth", str(folder), "--origins", "naoth", "tk03"])
    ready = choose_patches.usable(store, task, "ignore")
    files = choose_patches.of_family(chosen, store, ready, np.arange(len(store)) % 3)
    jobs = [write_families.job(chosen, file, store, settings, folder / "unfinished") for file in files]
    return store, [write_families.write(job) for job in jobs]


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_a_file_holds_the_patches_of_the_store_with_their_columns(tmp_path, task):
    store, files = written(tmp_path, task, 30)
    origins = ("naoth", "tk03")
    assert {file.part for file in files} == {*SPLITS, *(origins if task == "classification" else ())}
    for file in files:
        found = load(tmp_path / "unfinished", file.part, family(task))
        mine = np.array([k for k in range(60) if file.part in (SPLITS[k % 3], origins[k // 30])])
        assert (len(found), file.patches, file.balls) == (len(mine),) * 3
        assert np.array_equal(found.X, store.rows(16, mine, 1)[:])
        for key in ("recording", "origin", "source"):
            values = [value.encode() if isinstance(value, str) else value for value in getattr(found, key)]
            assert values == store.names(key, mine).tolist()
        assert file.sha256 == sha256_of(tmp_path / "unfinished" / file.name)


@pytest.mark.parametrize(("size", "used"), [(16, {"naoth", "tk03"}), (32, {"naoth"})])
def test_attributes_name_only_the_origins_that_a_family_can_have(tmp_path, size, used):
    _, files = written(tmp_path, "classification", 9, size=size)
    assert {file.part for file in files} == {*SPLITS, *used}
    with h5py.File(tmp_path / "unfinished" / files[0].name) as file:
        settings, sources = (json.loads(file.attrs[key]) for key in ("settings", "sources"))
        assert (file.attrs["size"], file.attrs["part"]) == (size, "train")
    assert set(sources) == set(settings["origins"]) == used


def test_files_of_other_families_in_the_folder_stay(tmp_path):
    one, other = family("detection"), family("detection", size=32)
    for size in (16, 32):
        _, files = written(tmp_path, "detection", 9, size=size)
        write_families.put_in_place(family("detection", size=size), files, tmp_path / "unfinished", tmp_path)
    folder = tmp_path / one.folder
    sums = read_sums(folder / "SHA256SUMS")
    assert len(sums) == 6
    assert sums == {path.name: sha256_of(path) for path in folder.glob("*.h5")}
    assert [line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()] == sorted(sums)
    write_families.put_in_place(other, [], tmp_path / "unfinished", tmp_path)
    left = {path.name for path in folder.glob("*.h5")}
    assert left == set(read_sums(folder / "SHA256SUMS")) == {name for name in sums if "_32x32_" not in name}


def test_a_folder_in_place_of_a_file_changes_nothing(tmp_path):
    _, files = written(tmp_path, "detection", 9)
    (tmp_path / family("detection").file("test")).mkdir(parents=True)
    before = contents(tmp_path)
    with pytest.raises(UserError, match="cannot be written, because it is a folder"):
        write_families.put_in_place(family("detection"), files, tmp_path / "unfinished", tmp_path)
    assert contents(tmp_path) == before


def test_without_a_list_there_are_no_checksums(tmp_path):
    assert read_sums(tmp_path / "SHA256SUMS") == {}
