"""Makes the batches of a run from patches in memory, or in files that do not fit into memory."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from common.datasets import streaming
from common.datasets.patch_file import Patches

NEIGHBOURS = 1024  # number of patches that are read together: one chunk of our 16x16 files


class MemoryData:
    """Patches and targets in memory: X uint8 [n, height, width, channels], y float32 [n] or [n, targets]."""

    def __init__(self, X: np.ndarray, y: np.ndarray):
        self.X, self.y = X, y.astype(np.float32)
        self._device = None

    def __len__(self) -> int:
        return len(self.X)

    def blocks(self, rng: np.random.Generator) -> Iterator[tuple]:
        """Yields (X, y, order) of one epoch: all patches, which are uploaded only once, in a new order."""
        self._device = self._device or (tf.constant(self.X), tf.constant(self.y))
        yield *self._device, _order(rng, len(self))


class StoredData:
    """Patches that stay in their files, see `patch_file.stored_patches`.

    An epoch is read in blocks. Each block is a shuffled mixture of short sequences from all parts of the files, because
    the files are sorted by source and recording. The size of every block but the last is a multiple of the batch size.
    """

    def __init__(self, patches: Patches, batch_size: int):
        self.X, self.y = patches.X, patches.y
        self.block = -(-streaming.SHUFFLED // batch_size) * batch_size

    def __len__(self) -> int:
        return len(self.X)

    def blocks(self, rng: np.random.Generator) -> Iterator[tuple]:
        """Yields (X, y, order) for each block of an epoch; all blocks but the last have the same size."""
        starts = NEIGHBOURS * rng.permutation(-(-len(self) // NEIGHBOURS))
        places = np.concatenate([np.arange(start, min(start + NEIGHBOURS, len(self))) for start in starts])
        for start in range(0, len(self), self.block):
            chosen = places[start : start + self.block]
            yield tf.constant(self.X[chosen]), tf.constant(self.y[chosen]), _order(rng, len(chosen))


def _order(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.permutation(n).astype(np.int32)


def training_data(patches: Patches, batch_size: int) -> MemoryData | StoredData:
    """Returns the source of a run's batches: memory, or the patch files (`--stream`)."""
    in_memory = isinstance(patches.X, np.ndarray)
    return MemoryData(patches.X, patches.y) if in_memory else StoredData(patches, batch_size)
