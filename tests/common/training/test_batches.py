"""An epoch streamed from files contains every patch once, shuffled, and trains like an epoch from memory."""

import itertools

import keras
import numpy as np
import pytest

from classifier_cnn.augmentation import make_augmentation
from classifier_cnn.loss import make_loss
from classifier_cnn.model import build_model
from common.datasets import streaming
from common.datasets.patch_file import stored_patches
from common.training import batches
from common.training.batches import MemoryData, StoredData, training_data
from common.training.trainer import Settings, Trainer

from ...tiny import classification_file


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes two files, with 300 and 170 patches."""
    folder = tmp_path_factory.mktemp("files")
    return [classification_file(folder / f"{n}.h5", n, seed=n) for n in (300, 170)]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(batches, "NEIGHBOURS", 16)
    monkeypatch.setattr(streaming, "SHUFFLED", 100)


def epochs(data, batch_size, seeds):
    """Returns a list for each seed, with (pixels, labels, order) of every block of the epoch."""
    found = []
    for seed in seeds:
        blocks = [(X.numpy(), y.numpy(), order) for X, y, order in data.blocks(np.random.default_rng(seed))]
        assert all(len(X) == len(y) == len(order) for X, y, order in blocks)
        assert all(len(order) % batch_size == 0 for _, _, order in blocks[:-1])
        found.append(blocks)
    return found


def test_an_epoch_sees_every_patch_once_in_a_new_order(files, small_blocks):
    patches = stored_patches(files, "classification")
    first, again, other = epochs(StoredData(patches, 32), 32, (1, 1, 2))
    assert [len(order) for *_, order in first] == [128, 128, 128, 86] == [len(order) for *_, order in other]
    rows = [np.concatenate([X[order].reshape(len(X), -1) for X, _, order in blocks]) for blocks in (first, other)]
    expected = patches.X[:].reshape(470, -1)
    for found in rows:
        assert np.array_equal(np.unique(found, axis=0), np.unique(expected, axis=0))
    assert not np.array_equal(*rows)
    for a, b in zip(itertools.chain(*first), itertools.chain(*again), strict=True):
        np.testing.assert_array_equal(a, b)
    labels = {row.tobytes(): label for row, label in zip(expected, patches.y, strict=True)}
    for X, y, _ in first:
        assert [labels[row.tobytes()] for row in X.reshape(len(X), -1)] == y.tolist()


def test_a_block_mixes_patches_from_the_whole_file(files, small_blocks):
    """A batch contains many recordings, although the file is sorted by recording."""
    patches = stored_patches(files, "classification")
    recordings = {row.tobytes(): name for row, name in zip(patches.X[:], patches.recording, strict=True)}
    (blocks,) = epochs(StoredData(patches, 32), 32, [0])
    seen = {recordings[row.tobytes()] for row in blocks[0][0][blocks[0][2][:32]]}
    assert len(seen) >= 4  # there are 10 recordings; in the file's order, a batch would contain only 1


def test_a_single_block_trains_like_patches_in_memory(files):
    """If all patches fit into one block, streaming changes only their order.

    If the patches in memory have the same order, the trained weights are the same.
    """
    patches = stored_patches(files, "classification")

    class SameOrder(MemoryData):
        def blocks(self, rng):
            return StoredData(patches, 32).blocks(rng)

    weights = []
    for data in (training_data(patches, 32), SameOrder(patches.X[:], patches.y)):
        keras.utils.set_random_seed(5)
        model = build_model((16, 16, 1), (2, 2, 3, 3), 4, regularize=False)
        trainer = Trainer(model, data, make_loss(), make_augmentation(0), Settings(2, 32), head="logit")
        trainer.train_epoch(0)
        weights.append(trainer.model.get_weights())
    assert isinstance(training_data(patches, 32), StoredData)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
