"""Makes tiny datasets that a network learns in seconds.

Balls are bright discs with a spot; other patches show a bar.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from dataset_tools.building.patch_writer import write_patches

ROOT = Path(__file__).resolve().parents[1]


def discs(n: int, seed: int, size: int = 16, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draws discs on noise, [n, size, size, channels]; also returns their [radius, center_x, center_y] as fractions."""
    rng = np.random.default_rng(seed)
    circles = np.stack([rng.uniform(0.3, 0.5, n), *rng.uniform(0.4, 0.6, (2, n))], 1).astype(np.float32)
    pixel = (np.arange(size) + 0.5) / size
    distance = np.hypot(
        pixel[None, None, :] - circles[:, 1, None, None], pixel[None, :, None] - circles[:, 2, None, None]
    )
    image = np.where(distance < circles[:, :1, None], 200, 60) + rng.normal(0, 12, (n, size, size))
    image[distance < 0.3 * circles[:, :1, None]] -= 120
    X = np.repeat(image[..., None], channels, 3)
    return np.clip(X, 0, 255).astype(np.uint8), circles


def bars(n: int, seed: int, size: int = 16, channels: int = 1) -> np.ndarray:
    """Draws patches without a ball: one bright bar on noise."""
    rng = np.random.default_rng(seed)
    image = 60 + rng.normal(0, 12, (n, size, size))
    for patch, start in zip(image, rng.integers(0, size - 6, n), strict=True):
        patch[start : start + 6] += 140
    return np.clip(np.repeat(image[..., None], channels, 3), 0, 255).astype(np.uint8)


def classification_file(path: Path, n: int = 300, seed: int = 0, size: int = 16, channels: int = 1, **columns) -> Path:
    """Writes n patches from two cameras and n / 50 recordings, plus extra columns. Every third patch shows a ball."""
    ball = np.arange(n) % 3 == 0
    X = bars(n, seed, size, channels)
    X[ball] = discs(int(ball.sum()), seed, size, channels)[0]
    write_patches(path, X, ball.astype(np.uint8)[:, None], **_columns(n, seed), **columns)
    return path


def detection_file(path: Path, n: int = 200, seed: int = 0, size: int = 16, channels: int = 1) -> Path:
    """Writes a file of n patches with balls, from two cameras and n / 50 recordings."""
    write_patches(path, *discs(n, seed, size, channels), **_columns(n, seed))
    return path


def _columns(n: int, seed: int) -> dict:
    return {
        "recording": [f"game{seed}_{i // 50}" for i in range(n)],
        "camera": [("top", "bottom")[i % 2] for i in range(n)],
    }


def program(module: str, *arguments, **settings) -> subprocess.CompletedProcess:
    """Runs `python -m module` as a user would, from the root of the repository."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=900,
        **settings,
    )


def tracked_runs(output_dir: Path, experiment: str):
    """Returns a client of the local store in an output folder, and the store's runs in an experiment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow and SQLAlchemy emit warnings about each other while they are imported
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{output_dir}/mlflow.db")
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def check_sections(client, run, epochs: int) -> None:
    """Checks that MLflow shows curves in two sections, single values as bars, and at most 40 charts in total."""
    curves, single = set(), set()
    for key in run.data.metrics:
        steps = sorted({point.step for point in client.get_metric_history(run.info.run_id, key)})
        assert steps in ([0], list(range(1, epochs + 1))), key
        (single if steps == [0] else curves).add(key)
    assert {"training/loss", "validation/loss"} <= curves
    assert {key.partition("/")[0] for key in curves} == {"training", "validation"}
    assert {key.partition("/")[0] for key in single if "/" in key} <= {"validation_final", "test"}
    assert {"best_epoch", "parameters", "multiply_accumulates"} <= single
    assert len(run.data.metrics) <= 40


def environment() -> dict[str, str]:
    """Returns an environment for a program under test, without variables that name the user's servers or folders."""
    ours = ("MLFLOW_", "BALL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
