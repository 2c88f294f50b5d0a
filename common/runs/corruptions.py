"""Measures and draws the effect of poor pictures on a model: light, blur, noise, shifts, each at five strengths."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from common.runs import plots
from common.training import augmentation_ops as ops

SHOWN = 5000  # maximum number of patches; with so few, the sheet is drawn in seconds

# Each name contains the unit of its strengths; px are pixels of the network's input.
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
LIGHT = {  # strength -> brightness and contrast for `relight`
    "darker, grey levels": lambda strength: (-strength, 1),
    "brighter, grey levels": lambda strength: (strength, 1),
    "less contrast, factor": lambda strength: (0, strength),
}
SAMPLING = {  # strength -> scale, shift and blur for `resample`
    "focus blur, px": lambda strength: (1, 0, strength),
    "shift, px": lambda strength: (1, strength, 0),
    "larger, factor": lambda strength: (1 / strength, 0, 0),
    "smaller, factor": lambda strength: (strength, 0, 0),
}


def corrupt(X: np.ndarray, kind: str, strength: float) -> np.ndarray:
    """Returns corrupted patches, uint8 [n, height, width, channels] like X."""
    x, each = ops.unpack_chroma(tf.cast(X, tf.float32)), tf.ones(len(X))
    if kind in LIGHT:
        x = ops.relight(x, *(value * each for value in LIGHT[kind](strength)), 0 * each)
    elif kind in SAMPLING:
        scale, shift, blur = (value * each for value in SAMPLING[kind](strength))
        x = ops.resample(x, scale, scale, shift, shift, blur)
    elif kind.startswith("motion"):
        steps = np.linspace(-0.5, 0.5, 7) * strength
        x = sum(ops.resample(x, each, each, step * each, 0 * each, 0 * each) for step in steps) / len(steps)
    elif kind.startswith("noise"):
        x = ops.add_noise(x, strength * each, ops.noise_pool(2 * X.size, [0, 7]), tf.constant([0, 1]))
    elif kind.startswith("hidden"):  # fills the left part with the patch's mean colour, as if a robot hid it
        hidden = np.arange(X.shape[2]) < round(strength * X.shape[2])
        x = tf.where(hidden[:, np.newaxis], tf.reduce_mean(x, [1, 2], keepdims=True), x)
    elif kind.startswith("colour"):
        x += tf.constant([0.0, strength, -strength])
    elif kind.startswith("JPEG"):  # only Y is compressed; the colours do not change
        return np.concatenate([np.stack([_jpeg(y, strength) for y in X[..., 0]])[..., np.newaxis], X[..., 1:]], -1)
    return tf.cast(tf.round(tf.clip_by_value(ops.pack_chroma(x), 0.0, 255.0)), tf.uint8).numpy()


def _jpeg(y: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(y).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def sheet(folder: Path, result: dict, X, judge: Callable, panels: Sequence[tuple], name: str = "") -> None:
    """Measures each kind of corruption, and draws robustness.png.

    Adds `robustness` to the result of a report: for each kind of corruption, a row of metrics per strength. Also adds
    a note that names the corruption that harms the model most at medium strength.

    Args:
        X: uint8 [n, height, width, channels]; at most SHOWN patches are used. Colour casts need two channels.
        judge: (indices of the patches, corrupted patches, kind, strength) -> metrics.
        panels: (key, title, colour map, value of the darkest colour, format) of each heat map. In the first heat map,
            a lower value is worse.
        name: name of the set; the file's name begins with it, and the titles contain it.
    """
    chosen, rows = np.sort(np.random.default_rng(0).permutation(len(X))[:SHOWN]), {}
    X = X[chosen]
    for kind, strengths in STRENGTHS.items():
        if X.shape[3] == 2 or not kind.startswith("colour"):
            found = [(s, judge(chosen, corrupt(X, kind, s), kind, s)) for s in strengths]
            rows[kind] = [{"strength": s} | {key: row[key] for key, *_ in panels if key in row} for s, row in found]
    result["robustness"] = rows
    _draw(Path(folder) / f"{name}{'_' if name else ''}robustness.png", rows, panels, f" on {name}" if name else "")
    middle = {kind: found[2] for kind, found in rows.items() if panels[0][0] in found[2]}
    if middle:
        kind = min(middle, key=lambda kind: middle[kind][panels[0][0]])
        row, (what, unit) = middle[kind], kind.split(", ")
        numbers = ", ".join(f"{title} {form.format(row[key])}" for key, title, *_, form in panels if key in row)
        note = f"Worst corruption of medium strength: {what} ({unit}: {row['strength']:g}), with {numbers}."
        result.setdefault("notes", []).append(note)


def _draw(path: Path, rows: dict[str, list[dict]], panels: Sequence[tuple], where: str) -> None:
    """Draws heat maps: a row per kind of corruption, from weak to strong. Each cell shows metric and strength."""
    with plots.figure(path, width=plots.WIDTH * 1.5, height=6.5) as drawing:
        for k, (axes, panel) in enumerate(zip(drawing.subplots(1, len(panels)), panels, strict=True)):
            key, title, colours, most, form = panel
            values = np.array([[row.get(key, np.nan) for row in kind] for kind in rows.values()])
            axes.imshow(values, aspect="auto", cmap=colours, vmin=0, vmax=most)
            axes.grid(False)
            for (i, j), value in np.ndenumerate(values):
                text = f"{form.format(value)}\n{list(rows.values())[i][j]['strength']:g}"
                ink = "white" if value > 0.6 * most else plots.INK
                axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
            axes.set(xticks=[], title=title + where)
            axes.set_yticks(range(len(rows)), [""] * len(rows) if k else list(rows))
