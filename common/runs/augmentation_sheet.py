"""Shows some training patches as the network sees them: the first thing to look at when a run learns nothing."""

from collections.abc import Callable

import numpy as np

from common.runs.plots import WIDTH, as_rgb, figure, heading_height, place, sheet

ROWS, VERSIONS = 8, 7
GAP, ASIDE = 0.07, 0.25  # inches; `ASIDE` sets the originals apart


def draw_augmentation(run, trainer, patches, overlay: Callable | None = None) -> None:
    """Draws some training patches beside their augmented versions, as augmentation.png in the run's folder.

    Args:
        run: common.runs.run_folder.RunFolder.
        trainer: common.training.trainer.Trainer; nothing is drawn if it does not augment.
        patches: the training patches.
        overlay: (axes, target, left, top, side in inches) -> None, draws the moved target over its patch.
    """
    if trainer.augment is None:
        return
    chosen = patches.take(np.random.default_rng(0).permutation(len(patches))[:ROWS])
    drawn = [trainer.augment(chosen.X.astype("float32"), chosen.y, [i, 0]) for i in range(VERSIONS)]
    images = [as_rgb(np.rint(x).astype(np.uint8)) for x in (chosen.X, *(x for x, _ in drawn))]
    targets = [chosen.y, *(np.asarray(y) for _, y in drawn)]
    side = (WIDTH - ASIDE) / len(images) - GAP
    title = f"What the network sees of {len(chosen)} training patches"
    top, path = heading_height(title) + 0.3, run.path / "augmentation.png"
    with figure(path, height=top + len(chosen) * (side + GAP) + GAP, layout=None) as drawing:
        axes = sheet(drawing, title)
        axes.text(GAP, top - 0.1, "original", fontsize=12)
        axes.text(GAP + side + ASIDE, top - 0.1, "augmented, drawn anew for every patch and epoch", fontsize=12)
        for column, (versions, moved) in enumerate(zip(images, targets, strict=True)):
            left = GAP + column * (side + GAP) + (ASIDE - GAP if column else 0)
            for row, image in enumerate(versions):
                box = left, top + row * (side + GAP), side
                place(axes, image, *box)
                if overlay is not None:
                    overlay(axes, moved[row], *box)
    run.tracked.artifact(path)
