"""What the network sees of some training patches: the first thing to look at when a training teaches nothing."""

from collections.abc import Callable

import numpy as np

from common.runs.plots import augmentation_sheet

ROWS, VERSIONS = 8, 7


def draw_augmentation(run, trainer, patches, overlay: Callable | None = None) -> None:
    """Draws some training patches beside what the augmentation makes of them, as augmentation.png in the run's folder.

    Args:
        run: common.runs.run_folder.RunFolder.
        trainer: common.training.trainer.Trainer; nothing is drawn where it does not augment.
        patches: the training patches.
        overlay: (axes, target, left, top, side in inches) -> None, draws a patch's moved target over it.
    """
    if trainer.augment is None:
        return
    chosen = patches.take(np.random.default_rng(0).permutation(len(patches))[:ROWS])
    drawn = [trainer.augment(chosen.X.astype("float32"), chosen.y, [i, 0]) for i in range(VERSIONS)]
    versions = np.rint([np.asarray(x) for x, _ in drawn]).astype(np.uint8)  # [versions, n, height, width, channels]
    targets = [chosen.y, *(np.asarray(y) for _, y in drawn)]
    mark = overlay and (lambda axes, place, *box: overlay(axes, targets[place[1]][place[0]], *box))
    path = run.path / "augmentation.png"
    title = f"What the network sees of {len(chosen)} training patches"
    augmentation_sheet(path, chosen.X, versions.swapaxes(0, 1), title, mark)
    run.tracked.artifact(path)
