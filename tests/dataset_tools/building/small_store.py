"""Makes a store of random patches with given labels, and fills it in the same way as a build does."""

import numpy as np

from dataset_tools.building.patch_store import Store
from dataset_tools.building.subsample_chunk import CAMERA_CODES, Batch, Plan
from dataset_tools.leaks import hashes
from dataset_tools.sources.labels import UNKNOWN
from dataset_tools.sources.patch_sources import ORIGINS

PLAN = Plan((16,), False, "centres")
FACTS = {"ball": 0.0, "penalty": 0.0, "robot": 0.0, "circle": UNKNOWN, "side": np.nan, "camera": "top"}


def batch(recordings, plan=PLAN, seed=0, origin="naoth", skipped=(), digest="digest", **facts):
    """Makes a batch with one patch per recording.

    Each of the `facts` is one value for all patches, or a list with one value per patch.
    """
    n, generator = len(recordings), np.random.default_rng(seed)
    planes = 2 if plan.chroma else 1
    pixels = {size: generator.integers(0, 256, (n, size, size, planes), dtype=np.uint8) for size in plan.sizes}
    luma = generator.integers(0, 256, (n, 16, 16), dtype=np.uint8)
    facts = FACTS | {"source": [f"{origin}/{seed}/{k}" for k in range(n)]} | facts
    columns = {key: np.broadcast_to(facts[key], n) for key in ("ball", "penalty", "robot", "side")}
    columns |= {
        "circle": np.broadcast_to(np.array(facts["circle"], np.float32), (n, 3)),
        "source": np.array([name.encode() for name in facts["source"]], "S"),
        "camera": np.array([CAMERA_CODES[name] for name in np.broadcast_to(facts["camera"], n)], np.uint8),
        "origin": np.full(n, ORIGINS.index(origin), np.uint8),
        "content": hashes.content(luma),
        "look": hashes.look(luma),
        "contrast": hashes.contrast(luma),
        "thumbnail": luma,
    }
    return Batch(pixels, columns, list(recordings), list(skipped), (origin, "label"), digest, 1)


def filled(folder, *batches, plan=PLAN):
    """Returns a closed store with these batches."""
    store = Store(folder, plan)
    for one in batches:
        store.add(one)
    store.close()
    return store
