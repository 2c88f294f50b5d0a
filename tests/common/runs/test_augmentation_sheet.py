"""The sheet of augmented patches has a row for each patch, and shows each target where the augmentation moved it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from common.datasets.patch_file import Patches
from common.runs.augmentation_sheet import VERSIONS, draw_augmentation


@pytest.mark.parametrize("channels", [1, 2])
def test_a_row_per_patch_and_a_target_per_version(tmp_path, channels):
    X = np.random.default_rng(0).integers(0, 256, (3, 16, 16, channels), np.uint8)
    patches, sent, drawn = Patches(X, np.arange(3, dtype=np.float32)), [], []
    run = SimpleNamespace(path=tmp_path, tracked=SimpleNamespace(artifact=sent.append))
    trainer = SimpleNamespace(augment=lambda x, y, seed: (x, y + 10 * (seed[0] + 1)))
    draw_augmentation(run, trainer, patches, lambda axes, target, *box: drawn.append((target, box)))
    with Image.open(tmp_path / "augmentation.png") as image:
        assert image.width == 1050
        assert 400 < image.height < 600
    assert sent == [tmp_path / "augmentation.png"]
    order = patches.y[np.random.default_rng(0).permutation(3)]
    assert [target for target, _ in drawn] == [y + 10 * version for y in order for version in range(1 + VERSIONS)]
    assert len({box for _, box in drawn}) == len(drawn)


def test_nothing_is_drawn_without_augmentation(tmp_path):
    draw_augmentation(SimpleNamespace(path=tmp_path), SimpleNamespace(augment=None), None)
    assert not list(tmp_path.iterdir())
