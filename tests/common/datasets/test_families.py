"""Tests the names of dataset families."""

import pytest

from common.datasets.families import DEFAULT_STEMS, Family, all_families, parse_stem
from common.errors import UserError

from .small_archive import STEM, TASKS


def test_the_names_of_the_default_families():
    family = parse_stem(STEM, "classification")
    assert family == Family("classification", "yuv422_y_only_pil", "legacy", 0, "combined", 16)
    folder = "classification/classification_patches_yuv422_y_only_pil_legacy_border0"
    assert family.folder == folder
    assert family.file("train") == f"{folder}/{STEM}_train_ball_no_ball_X_y.h5"
    for origin in ("devils", "naoth", "tk03"):
        assert family.file(origin) == f"{folder}/{STEM}_{origin}_ball_no_ball_X_y.h5"
    family = parse_stem("ball_radius_center_patches_yuv422_pil_segmentation_border20_bottom_32x32", "detection")
    assert (family.channels, family.border, family.camera, family.size) == (2, 20, "bottom", 32)
    name = "ball_radius_center_patches_yuv422_pil_segmentation_border20"
    assert family.file("validation") == f"detection/{name}/{name}_bottom_32x32_validation_ball_radius_center_X_y.h5"


@pytest.mark.parametrize("task", TASKS)
def test_every_family_is_named_once_and_found_by_its_name(task):
    every = all_families(task)
    assert len(every) == len({family.stem for family in every}) == 2 * 3 * 3 * 2 + 2 * 3 * 2
    assert all(parse_stem(family.stem, task) == family for family in every)
    assert DEFAULT_STEMS[task] in {family.stem for family in every}
    assert {family.camera for family in every if family.patch_type == "segmentation"} == {"bottom"}


@pytest.mark.parametrize(
    ("meant", "typed"),
    [
        (STEM, STEM.replace("combined", "combinde")),
        (STEM, f"{STEM}_train_ball_no_ball_X_y.h5"),
        (STEM.replace("16x16", "32x32"), STEM.replace("16x16", "32")),
        ("synthetic", "syntetic"),
    ],
)
def test_a_typo_suggests_the_right_name(meant, typed):
    with pytest.raises(UserError, match=f"Received: --dataset {typed}. Did you mean {meant}\\?"):
        parse_stem(typed, "classification")


def test_a_name_unlike_any_other_points_to_the_list():
    with pytest.raises(UserError, match="--list-datasets"):
        parse_stem("balls", "classification")


def test_a_dataset_of_the_other_task_is_reported_as_such():
    with pytest.raises(UserError, match="a classification dataset, but a detection dataset is needed"):
        parse_stem(STEM, "detection")
