"""Makes dataset families for an archive on loopback, with three patches in each file."""

import numpy as np

from common.archive.retry import Patience
from common.datasets.families import parse_stem
from dataset_tools.building.patch_writer import write_patches

QUICK = Patience(connect_s=5, read_s=5, attempts=2, backoff_s=0.001)
NOWHERE = "http://127.0.0.1:1"  # no server listens there
TASKS = ("classification", "detection")
STEM = "classification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16"


def patch_file(tmp_path, task, size=16, channels=1):
    y = np.array([0, 1, 0]) if task == "classification" else np.full((3, 3), 0.4)
    write_patches(tmp_path / "made.h5", np.zeros((3, size, size, channels), np.uint8), y)
    return (tmp_path / "made.h5").read_bytes()


def cached(server, root, *splits):
    for split in splits:
        name = parse_stem(STEM, "classification").file(split)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(server.files[name])
