"""A report contains results by size only if the size of the patches in the camera picture is known."""

import dataclasses

import numpy as np
import pytest

from classifier_cnn.metrics import Scored
from classifier_cnn.report import report as report_balls
from common.datasets.patch_file import read_patches
from common.runs.brightness_and_size import size_class
from detector_cnn_ball_radius_center.report import report as report_circles

from ...tiny import classification_file, detection_file


def test_size_classes_of_known_and_unknown_sides():
    side = np.array([15.9, 16, 31, 32, 64, np.nan], np.float32)
    assert size_class(side).tolist() == [
        "far, side below 16 px",
        *["side 16 to 32 px"] * 2,
        "side 32 to 64 px",
        "near, side 64 px and more",
        "side unknown",
    ]
    assert size_class(None) is None
    assert size_class(np.full(3, np.nan)) is None


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_a_report_has_numbers_by_size_where_the_side_is_known(tmp_path, task):
    make = classification_file if task == "classification" else detection_file
    patches = read_patches(make(tmp_path / "patches.h5", n=60), task)

    def sizes(patches):
        if task == "classification":
            result = report_balls(tmp_path, Scored(patches, patches.y * 0.8, 0.5))
        else:
            result = report_circles(tmp_path, patches, patches.y.copy(), patches.y.mean(0))
        return {row["name"]: row["patches"] for row in result["groups"] if row["group"] == "side"}

    assert sizes(patches) == {}
    side = np.repeat([10, 40], [24, 36]).astype(np.float32)
    assert sizes(dataclasses.replace(patches, side=side)) == {"far, side below 16 px": 24, "side 32 to 64 px": 36}
