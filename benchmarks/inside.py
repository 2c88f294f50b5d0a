"""What an epoch consists of, and whether both ways to train learn the same."""

import statistics

import numpy as np
import ways

SMALL = {"filters": (4, 4, 8, 8), "dense": 32}
SEEDS, EPOCHS = (0, 1, 2), 6


def profile(project: str, sizes: tuple[int, int]) -> dict:
    """Microseconds per step of 128 patches by kind of operation, the longest first, for both ways."""
    from gpu_throughput import profile as traced

    from common.training import devices

    devices.prepare(seed=0, threads=1)
    train, validation = (ways.noise(project, n, n) for n in (12_800, 1000))
    found = {}
    for way in ("compiled", "textbook"):
        epoch, *_ = getattr(ways, way)(project, train, validation, **SMALL)
        epoch()
        lines, totals = traced(epoch, steps=100), {}
        for line in lines.values():
            for name, (spent, count) in line["longest"].items():
                before = totals.get(name, (0, 0))
                totals[name] = [round(before[0] + spent, 1), round(before[1] + count, 2)]
        found[way] = dict(sorted(totals.items(), key=lambda item: -item[1][0])[:40])
    return found


def curves(project: str, sizes: tuple[int, int]) -> dict:
    """Training loss per epoch of both ways, several seeds each, on the embedded data set.

    `apart` is the largest distance of the means of both ways, over all epochs, in standard deviations of that
    difference, as the seeds scatter.
    """
    from pathlib import Path

    import keras

    from common.datasets.patch_file import read_patches
    from common.training import devices
    from dataset_tools.synthetic import synthetic_files

    devices.prepare(seed=0, threads=2)
    task = "classification" if project == "classifier_cnn" else "detection"
    root = Path(__file__).resolve().parents[1] / "data"
    read = read_patches(synthetic_files(task, root)["train"], task)
    train, validation = (read.X, read.y), (read.X[:1000], read.y[:1000])
    losses = {}
    for seed in SEEDS:
        for way in ("compiled", "textbook"):
            keras.utils.set_random_seed(seed)
            epoch, *_ = getattr(ways, way)(project, train, validation, **SMALL, epochs=EPOCHS, seed=seed)
            losses.setdefault(way, []).append([float(epoch()) for _ in range(EPOCHS)])
            print(way, seed, losses[way][-1], flush=True)
    one, other = (np.array(losses[way]) for way in ("compiled", "textbook"))
    noise = np.sqrt((one.var(0, ddof=1) + other.var(0, ddof=1)) / len(SEEDS))
    apart = (one.mean(0) - other.mean(0)) / noise
    last = {way: statistics.mean(runs[-1] for runs in values) for way, values in losses.items()}
    return {"epochs": losses, "last": last, "apart": apart.tolist(), "relative": (one.mean(0) / other.mean(0)).tolist()}
