"""The sampling rule is read from patch files, under its current or its earlier name."""

import json

import numpy as np
import pytest

from common.datasets.patch_file import concatenate, read_patches, stored_patches
from common.datasets.sampling_rules import rule_in
from dataset_tools.building.patch_writer import write_patches


@pytest.mark.parametrize(
    ("attributes", "rule"),
    [
        ({"sampling": "area"}, "area"),
        ({"settings": json.dumps({"sampling": "robot"})}, "centres"),
        ({"settings": json.dumps({"sampling": "nearest"})}, "corners"),
        ({"sampling": "by hand"}, None),
        ({"sampling": 3}, None),
        ({"settings": "[1]"}, None),
        ({}, None),
    ],
)
def test_the_rule_is_read_from_the_attributes(attributes, rule):
    assert rule_in(attributes) == rule


def test_patches_keep_the_rule_of_their_file(tmp_path):
    X, y = np.zeros((6, 16, 16, 1), np.uint8), np.arange(6) % 2
    for name, attributes in (("a", {"sampling": "area"}), ("b", {"sampling": "corners"}), ("c", {})):
        write_patches(tmp_path / f"{name}.h5", X, y.astype(np.float32), attributes=attributes)
    a, b, c = (read_patches(tmp_path / f"{name}.h5", "classification") for name in "abc")
    assert [part.sampling for part in (a, b, c, a.take([0]))] == ["area", "corners", None, "area"]
    assert concatenate([a, b]).sampling == "area and corners"
    assert concatenate([a, c]).sampling is None
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    assert stored_patches(paths, "classification").sampling == "area and corners"
