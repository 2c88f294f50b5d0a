"""Makes patches look like those of a worse camera: light, blur, noise, shifts, each with five strengths."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from common.runs import plots
from common.training import augmentation_ops as ops

SHOWN = 5000  # maximum number of patches: a fixed sample, so that the sheet takes seconds
# Strengths: grey levels, factors, pixels of the network's input, JPEG quality.
STRENGTHS = {
    "darker, grey levels": (15, 30, 45, 60, 80),
    "brighter, grey levels": (15, 30, 45, 60, 80),
    "less contrast, factor": (0.8, 0.6, 0.5, 0.4, 0.3),
    "focus blur, px": (0.25, 0.5, 1, 1.5, 2),
    "motion blur, px": (1.5, 2, 3, 4, 5),
    "noise, grey levels": (4, 8, 12, 16, 24),
    "shift, px": (0.5, 1, 1.5, 2, 3),
    "larger, factor": (1.1, 1.2, 1.3, 1.4, 1.6),
    "smaller, factor": (1.1, 1.2, 1.3, 1.4, 1.6),
    "hidden, share of the width": (0.1, 0.2, 0.3, 0.4, 0.5),
    "JPEG, quality": (80, 60, 40, 20, 10),
    "colour cast, grey levels": (8, 16, 24, 32, 48),
}


def corrupt(X: np.ndarray, kind: str, strength: float) -> np.ndarray:
    """Corrupted patches, uint8 like X, [n, height, width, channels]."""
    if kind.startswith("JPEG"):
        return np.stack([_jpeg(patch, int(strength)) for patch in X])
    n, width = len(X), X.shape[2]
    zero, one = tf.zeros(n), tf.ones(n)
    x = ops.unpack_chroma(tf.cast(X, tf.float32))
    if kind.startswith(("darker", "brighter")):
        x = ops.relight(x, one * (strength if kind[0] == "b" else -strength), one, zero)
    elif kind.startswith("less contrast"):
        x = ops.relight(x, zero, one * strength, zero)
    elif kind.startswith("focus"):
        x = ops.resample(x, one, one, zero, zero, one * strength)
    elif kind.startswith("motion"):
        x = sum(ops.resample(x, one, one, one * step, zero, zero) for step in np.linspace(-0.5, 0.5, 7) * strength) / 7
    elif kind.startswith("noise"):
        x = ops.add_noise(x, one * strength, ops.noise_pool(2 * X.size, [0, 7]), tf.constant([0, 1]))
    elif kind.startswith("shift"):
        x = ops.resample(x, one, one, one * strength, one * strength, zero)
    elif kind.startswith(("larger", "smaller")):
        scale = one / strength if kind[0] == "l" else one * strength
        x = ops.resample(x, scale, scale, zero, zero, zero)
    elif kind.startswith("hidden"):  # from the left, in the patch's mean colour, like a ball behind a robot
        hidden = (tf.range(width) < round(strength * width))[tf.newaxis, tf.newaxis, :, tf.newaxis]
        x = tf.where(hidden, tf.reduce_mean(x, [1, 2], keepdims=True), x)
    elif kind.startswith("colour"):
        x += tf.constant([0.0, strength, -strength])
    return tf.cast(tf.round(tf.clip_by_value(ops.pack_chroma(x), 0.0, 255.0)), tf.uint8).numpy()


def _jpeg(patch: np.ndarray, quality: int) -> np.ndarray:
    """Encodes the Y of a patch as JPEG; the colours do not change."""
    file = io.BytesIO()
    Image.fromarray(patch[..., 0]).save(file, "JPEG", quality=quality)
    return np.concatenate([np.asarray(Image.open(file))[..., None], patch[..., 1:]], -1)


def move(circles: np.ndarray, kind: str, strength: float, width: int) -> np.ndarray:
    """The circles [n, 3] in the corrupted patches, as radius and centre in fractions of the patch."""
    scale = {"larger": 1 / strength, "smaller": strength}.get(kind.partition(",")[0], 1.0)
    shift = strength / width if kind.startswith("shift") else 0.0
    return np.concatenate([circles[:, :1] / scale, 0.5 + (circles[:, 1:] - 0.5 - shift) / scale], 1)


def sheet(folder: Path, X, judge: Callable, panels: Sequence[tuple], name: str = "") -> dict[str, list[dict]]:
    """Measures each kind of corruption, draws robustness.png, and returns one row of numbers per strength.

    Args:
        folder: for the picture.
        X: uint8 [n, height, width, channels]; at most SHOWN of the patches are used. Colour casts need two channels.
        judge: (indices of the patches, corrupted patches, kind, strength) -> numbers.
        panels: (key, colour map, value of the darkest colour, format) of each heat map.
        name: of the set; comes before the file's name and into the titles.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(X))[:SHOWN])
    X = X[chosen]
    rows = {
        kind: [{"strength": s} | judge(chosen, corrupt(X, kind, s), kind, s) for s in strengths]
        for kind, strengths in STRENGTHS.items()
        if X.shape[3] == 2 or not kind.startswith("colour")
    }
    _draw(Path(folder) / f"{name}{'_' if name else ''}robustness.png", rows, panels, name)
    return rows


def _draw(path: Path, rows: dict[str, list[dict]], panels: Sequence[tuple], name: str) -> None:
    """Draws heat maps with a row per kind, weak to strong; each cell shows the number and the strength below it."""
    with plots.figure(path, width=plots.WIDTH * 1.5, height=6.5) as drawing:
        for k, (axes, panel) in enumerate(zip(drawing.subplots(1, len(panels)), panels, strict=True)):
            key, colours, most, form = panel
            values = np.array([[row.get(key, np.nan) for row in kind] for kind in rows.values()])
            axes.imshow(values, aspect="auto", cmap=colours, vmin=0, vmax=most)
            axes.grid(False)
            for (i, j), value in np.ndenumerate(values):
                strength = list(rows.values())[i][j]["strength"]
                ink = "white" if value > 0.6 * most else plots.INK
                text = f"{value:{form}}\n{strength:g}"
                axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
            title = key.replace("_px", ", px").replace("_", " ").replace("iou", "IoU")
            axes.set(xticks=[], title=f"{title}{f' on {name}' if name else ''}")
            axes.set_yticks(range(len(rows)), [""] * len(rows) if k else list(rows))
