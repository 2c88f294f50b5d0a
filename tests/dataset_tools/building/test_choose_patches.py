"""The files of a family contain the patches that its name promises; each patch is in only one split."""

import numpy as np
import pytest

from common.datasets.families import SPLITS, all_families
from dataset_tools.building import choose_patches
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import ORIGINS

from .small_store import batch, filled

CIRCLE = (0.4, 0.5, 0.5)


@pytest.fixture
def store(tmp_path):
    """Patches of all origins and cameras with all kinds of labels; two thirds of them have a known ball position."""
    generator = np.random.default_rng(0)
    batches = []
    for seed, origin in enumerate(ORIGINS):
        n = 200
        facts = {
            "ball": generator.choice([0, 0.3, 0.9], n),
            "robot": generator.choice([0, 0.9], n),
            "circle": np.where(generator.random((n, 1)) < 0.67, CIRCLE, labels.UNKNOWN),
            "camera": "" if origin == "tk03" else generator.choice(["top", "bottom"], n),
        }
        batches.append(batch(["log"] * n, seed=seed, origin=origin, **facts))
    return filled(tmp_path, *batches)


def ready_and_side(store, task, partial="ignore"):
    return choose_patches.usable(store, task, partial), np.random.default_rng(1).integers(0, 3, len(store))


@pytest.mark.parametrize("partial", ["ignore", "negative"])
def test_usable_patches_have_a_clear_label(store, partial):
    kind = store.columns["kind"]
    classes = choose_patches.usable(store, "classification", partial)
    allowed = {labels.BALL, labels.NO_BALL} | ({labels.PARTIAL} if partial == "negative" else set())
    assert classes.tolist() == [code in allowed for code in kind.tolist()]
    circles = choose_patches.usable(store, "detection", partial)
    known = np.isfinite(store.columns["circle"][:, 0])
    assert circles.tolist() == ((kind == labels.BALL) & known).tolist()
    y = choose_patches.target(store, "classification", np.flatnonzero(classes))
    assert y.tolist() == (kind[classes] == labels.BALL).astype(int).tolist()
    assert choose_patches.target(store, "detection", np.flatnonzero(circles)) == pytest.approx(
        np.tile(CIRCLE, (circles.sum(), 1))
    )


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_each_patch_of_a_family_is_in_one_split_and_one_origin(store, task):
    ready, side = ready_and_side(store, task)
    for family in all_families(task):
        files = {file.part: file for file in choose_patches.of_family(family, store, ready, side)}
        assert {file.name for file in files.values()} <= set(choose_patches.files_of(family))
        wanted = [
            index
            for index in np.flatnonzero(ready)
            if family.camera in ("combined", store.names("camera", index).decode())
            and (
                store.names("origin", index) != b"tk03"
                or (family.channels, family.camera, family.size) == (1, "combined", 16)
            )
        ]
        splits = np.concatenate([files[part].indices for part in SPLITS])
        assert sorted(splits) == wanted
        assert all((side[files[part].indices] == code).all() for code, part in enumerate(SPLITS))
        origins = [files[part] for part in ORIGINS if part in files]
        assert all((store.names("origin", file.indices) == file.part.encode()).all() for file in origins)
        assert sorted(np.concatenate([[], *(file.indices for file in origins)])) == (
            wanted if task == "classification" else []
        )
        assert all((np.diff(file.indices) > 0).all() for file in files.values())


def test_a_file_without_patches_is_not_written(store):
    ready, side = ready_and_side(store, "classification")
    family = next(iter(all_families("classification")))
    files = choose_patches.of_family(family, store, ready, np.zeros_like(side))
    assert {file.part for file in files} == {"train", *ORIGINS}
    assert choose_patches.of_family(family, store, np.zeros_like(ready), side) == []
