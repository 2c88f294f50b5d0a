"""Renders the synthetic dataset (balls and other objects) for both tasks.

`synthetic_files` renders the files on first use, deterministically from a seed, and caches them in the project's own
format: random_conditions.py draws the conditions of a recording, scene.py composes its patches from backdrop.py,
surroundings.py, bodies.py and ball.py, and camera.py takes the picture. We looked at real patches while writing this
renderer. A classifier trained on this dataset was tested on the same real patches, so this was not a blind test.
Nothing is copied from pictures: all content is computed from formulas and ranges of numbers.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from filelock import FileLock

from common.cli.progress import progress_bar
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.synthetic.scene import render_recording

VERSION = 3  # part of the cache folder's name: increase it when the renderer changes, so that files are rendered again
SEED = 2024
SPLITS = ("train", "validation", "test")
WORKERS = 2  # number of threads, which does not affect the content of the files
PER_RECORDING = 200  # patches per recording; the last recording of a split may have fewer
COUNTS = {  # patches per split; a detection file contains only balls
    "classification": {"train": 24_000, "validation": 4_000, "test": 4_000},
    "detection": {"train": 20_000, "validation": 3_000, "test": 3_000},
}


def synthetic_files(
    task: str,
    root: Path | str,
    *,
    size: int = 16,
    channels: int = 1,
    counts: dict[str, int] | None = None,
    seed: int = SEED,
) -> dict[str, Path]:
    """Returns the synthetic patch files of a task, which are rendered on first use.

    Any number of processes may call this at the same time: one process renders, and the others wait for its files.

    Args:
        task: `classification` (half of the patches show a ball) or `detection` (all do).
        root: data root; the files are written to root/synthetic/.
        size: width and height of the patches, 16 or 32.
        channels: 1 is Y; 2 is Y and the interleaved U/V of YUV422.
        counts: patches per split (default: `COUNTS[task]`).
        seed: seed for all random numbers.

    Returns:
        The paths by `train`, `validation` and `test`; the splits share no recording.

    Raises:
        UserError: an argument has an invalid value, or the files cannot be written.
    """
    if task not in COUNTS or size not in (16, 32) or channels not in (1, 2):
        raise UserError(
            "synthetic patches: task must be classification or detection, size 16 or 32, channels 1 or 2."
            f" Received: {task}, {size}, {channels}."
        )
    counts = dict(counts or COUNTS[task])
    if set(counts) != set(SPLITS) or min(counts.values()) < 2:
        raise UserError(f"synthetic patches: each split needs at least two patches. Received: {counts}.")
    colour = "y_only" if channels == 1 else "yuv422"
    stem = f"synthetic_v{VERSION}_{task}_{colour}_{size}x{size}_seed{seed}_n{'_'.join(str(counts[s]) for s in SPLITS)}"
    folder = Path(root) / "synthetic" / stem
    files = {split: folder / f"{stem}_{split}.h5" for split in SPLITS}
    if all(path.exists() for path in files.values()):
        return files
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise UserError(
            f"the synthetic patches cannot be stored: {error.strerror or error}. Received: {folder}. "
            "Choose another folder with --data-root."
        ) from None
    with lock:
        missing = [split for split in SPLITS if not files[split].exists()]
        if missing:
            _render(task, {split: files[split] for split in missing}, counts, size, channels, seed)
    return files


def plan(task: str, split: str, n: int, seed: int) -> list[tuple[tuple[int, ...], int]]:
    """Returns the seed and number of patches of each recording of a split; no two splits share a seed."""
    first = {"train": 0, "validation": 1_000_000, "test": 2_000_000}[split] + 3_000_000 * (task == "detection")
    full, rest = divmod(n, PER_RECORDING)
    lengths = [PER_RECORDING] * full + [rest] * (rest > 0)
    return [((seed, VERSION, first + k), length) for k, length in enumerate(lengths)]


def _render(task, files, counts, size, channels, seed) -> None:
    """Renders recordings in threads (NumPy releases the interpreter lock), and writes the given split files."""

    def render(job):
        job_seed, length = job
        ball = np.ones(length, bool) if task == "detection" else np.arange(length) % 2 == 0
        camera = np.where(np.arange(length) // 2 % 2, "top", "bottom")
        X, target = render_recording(job_seed, ball, size, channels)
        return X, target if task == "detection" else ball.astype(np.uint8), camera, f"synthetic_{job_seed[-1]:07d}"

    total = sum(counts[split] for split in files)
    with (
        ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool,
        progress_bar(total=total, desc="rendering synthetic patches", unit="patch") as bar,
    ):
        for split, path in files.items():
            parts = []
            for part in pool.map(render, plan(task, split, counts[split], seed)):
                parts.append(part)
                bar.update(len(part[0]))
            X, y, camera = (np.concatenate([part[k] for part in parts]) for k in range(3))
            recording = np.repeat([part[3] for part in parts], [len(part[0]) for part in parts])
            attributes = {"renderer": VERSION, "sampling": "centres", "seed": seed, "split": split}
            origin = np.full(len(X), "synthetic")
            write_patches(path, X, y, recording=recording, camera=camera, origin=origin, attributes=attributes)
