"""Draws some training patches as the network sees them: look at this picture first if a run learns nothing."""

from collections.abc import Callable

import numpy as np

from common.runs.plots import gallery

ROWS, VERSIONS = 8, 7


def draw_augmentation(run, trainer, patches, overlay: Callable | None = None) -> None:
    """Draws some training patches beside their augmented versions; writes augmentation.png to the run's folder.

    run: a RunFolder. trainer: a common.training.trainer.Trainer; nothing is drawn if the trainer does not
    augment. overlay: (axes, target, left, top, side in inches) -> None; it draws the moved target over its patch.
    """
    if trainer.augment is None:
        return
    chosen = patches.take(np.random.default_rng(0).permutation(len(patches))[:ROWS])
    drawn = [trainer.augment(chosen.X.astype("float32"), chosen.y, [i, 0]) for i in range(VERSIONS)]
    X = np.stack([chosen.X, *(np.rint(x).astype(np.uint8) for x, _ in drawn)], 1)  # [rows, 1 + versions, h, w, c]
    targets = [target for row in zip(chosen.y, *(np.asarray(y) for _, y in drawn), strict=True) for target in row]
    path = run.path / "augmentation.png"
    gallery(
        path,
        X.reshape(-1, *X.shape[2:]),
        [""] * len(targets),
        f"{len(chosen)} training patches as the network sees them",
        "left: the original patch; right: augmented versions, which differ in every epoch",
        overlay and (lambda axes, i, *place: overlay(axes, targets[i], *place)),
        1 + VERSIONS,
    )
    run.tracked.artifact(path)
