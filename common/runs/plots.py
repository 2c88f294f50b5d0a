"""Draws the pictures of all projects in one style that is readable on a phone. Does not use pyplot's global state."""

import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from PIL import Image

from common.atomic_files import replacing

# These colours can be distinguished by colour-blind readers, and in greyscale.
BALL, NO_BALL, ACCENT, INK = "#d9640b", "#2f6db3", "#b5179e", "#22303c"
STYLE = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dde3e8",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.09,
    "figure.constrained_layout.h_pad": 0.09,
    "lines.linewidth": 2,
    "text.color": INK,
    "text.parse_math": False,  # a recording's name may contain dollar signs
}
WIDTH = 7.0  # inches, or 1050 pixels: a picture of this width is readable on a phone held upright
COLUMNS = 5  # patches per row of a gallery


@contextmanager
def figure(path: Path, width: float = WIDTH, height: float = 5.0, layout: str | None = "constrained") -> Iterator:
    """Yields an empty matplotlib Figure of width x height inches; atomically writes it as a PNG when the block ends.

    Drawing the same figure twice gives byte-identical files.
    """
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # characters that the font lacks are drawn as boxes
        drawing = Figure(figsize=(width, height), layout=layout)
        yield drawing
        with replacing(path) as partial:
            drawing.savefig(partial, format="png", metadata={"Software": None})


def plain_log_axis(axis) -> None:
    """Makes an axis logarithmic, with plain labels such as 0.001; matplotlib's own labels need math text (off here)."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 100 else (1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}" if value < 10_000 else f"{value / 1000:g}k")


def as_rgb(X: np.ndarray) -> np.ndarray:
    """Converts patches, uint8 [n, side, side, 1 or 2], to RGB pictures, uint8 [n, side, side, 3].

    The second channel is U and V, interleaved along the columns.
    """
    if X.shape[3] == 1 or not len(X):
        return np.repeat(X[..., :1], 3, axis=3)
    u, v = (np.repeat(X[:, :, start::2, 1], 2, axis=2) for start in (0, 1))
    pixels = np.stack([X[..., 0], u, v], axis=3)
    flat = Image.fromarray(pixels.reshape(-1, X.shape[2], 3), mode="YCbCr")
    return np.asarray(flat.convert("RGB")).reshape(pixels.shape)


def gallery(
    path: Path,
    X: np.ndarray,
    captions: Sequence[str],
    title: str,
    subtitle: str = "",
    overlay: Callable | None = None,
    columns: int = COLUMNS,
) -> None:
    """Draws a contact sheet: enlarged patches in reading order, with sharp pixels and unchanged brightness.

    If there are no patches, the picture says "none".

    Args:
        X: uint8 [n, height, width, 1 or 2]; n may be 0.
        captions: [n], one or more lines each.
        title, subtitle: what the picture shows, and how the patches were chosen.
        overlay: (axes, i, left, top, side in inches) -> None; it draws over patch i.
        columns: patches per row.
    """
    gap = 0.15  # in inches, like all lengths in this function
    side, title = (WIDTH - gap) / columns - gap, textwrap.fill(title, 60)
    heading = 0.56 + 0.26 * title.count("\n") + (0.24 if subtitle else 0)
    step = side + gap + 0.21 * max((len(caption.splitlines()) for caption in captions), default=0)
    rows = -(-len(X) // columns)
    height = heading + (rows * step if rows else 1) + 0.05
    with figure(path, height=height, layout=None) as drawing:
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        axes.axis("off")
        axes.text(0.14, 0.14, title, va="top", weight="bold", fontsize=15)
        axes.text(0.14, heading - (0.34 if subtitle else 0.1), subtitle, va="top", fontsize=12)
        if not len(X):
            axes.text(WIDTH / 2, heading + 0.35, "none", ha="center", va="center", fontsize=18, style="italic")
        for i, (image, caption) in enumerate(zip(as_rgb(X), captions, strict=True)):
            left, top = gap + i % columns * (side + gap), heading + i // columns * step
            axes.imshow(image, extent=(left, left + side, top + side, top), aspect="auto", interpolation="nearest")
            if overlay is not None:
                overlay(axes, i, left, top, side)
            axes.text(left + side / 2, top + side + 0.05, caption, ha="center", va="top", fontsize=11, linespacing=1.1)


def with_pictures(captions: Sequence[str], patches, chosen: np.ndarray) -> Sequence[str]:
    """Adds the end of each picture's file name to the captions of chosen patches, if the patch file has them."""
    if patches.source is None:
        return captions
    names = [Path(patches.source[i].decode("utf-8", "replace")).stem for i in chosen]
    lines = ((text, name[-26:-13], name[-13:]) for text, name in zip(captions, names, strict=True))
    return ["\n".join(filter(None, each)) for each in lines]


def training_curves(
    path: Path, epochs: Sequence[Mapping[str, float]], names: Sequence[str], title: str, best: int | None = None
) -> None:
    """Draws one panel per metric with its training and validation curves; epochs are counted from 1.

    Args:
        epochs: one dict of metrics per epoch; a metric may be missing in some epochs.
        names: one metric per panel; a panel shows `NAME` and `val_NAME`, or only one of them if the other is missing.
            Losses, rates and errors are drawn on a logarithmic axis.
        best: index (from 0) of the epoch whose weights were kept; it is marked in every panel.
    """
    columns = 1 if len(names) < 3 else 2
    cells = np.reshape([*names[: len(names) % columns], *names], (-1, columns))  # the first panel may fill a whole row
    with figure(path, WIDTH * (1 if columns == 1 else 1.35), 1.1 + 2.7 * len(cells)) as drawing:
        drawing.suptitle(textwrap.fill(title, 60), x=0.012, ha="left", weight="bold", fontsize=15)
        for name, axes in drawing.subplot_mosaic(cells).items():
            _curve_panel(axes, epochs, name, best)
        lines = {line.get_label(): line for axes in drawing.axes for line in axes.lines}
        drawing.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3)  # one legend for all panels


def _curve_panel(axes, epochs: Sequence[Mapping[str, float]], name: str, best: int | None) -> None:
    for key, label, colour in ((name, "training", "#8d99a6"), (f"val_{name}", "validation", NO_BALL)):
        values = np.array([epoch.get(key, np.nan) for epoch in epochs], float)
        if np.isfinite(values).any():
            marker = "o" if len(values) <= 20 else None
            axes.plot(np.arange(1, len(values) + 1), values, color=colour, label=label, marker=marker, markersize=4)
    drawn = np.concatenate([np.zeros(0), *(line.get_ydata() for line in axes.lines)])
    if any(kind in name for kind in ("loss", "rate", "error")) and len(drawn) and np.nanmin(drawn) > 0:
        plain_log_axis(axes.yaxis)
    elif len(drawn) and len(epochs) > 20:  # cuts off the first epochs; they would flatten the curves
        late = np.concatenate([line.get_ydata()[len(epochs) // 20 :] for line in axes.lines])
        margin = 0.05 * np.ptp(late[np.isfinite(late)]) + 1e-3
        axes.set_ylim(np.nanmin(late) - margin, np.nanmax(late) + margin)
    if best is not None:
        axes.axvline(best + 1, color=ACCENT, linestyle="--", linewidth=1.5, label=f"kept: epoch {best + 1}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    title = re.sub(r"_at_fpr_([\d.]+)$", lambda limit: f" at {percent(float(limit[1]))} false positives", name)
    names = {"auroc": "AUROC", "iou": "IoU"}
    axes.set(title=" ".join(names.get(word, word) for word in title.replace("_", " ").split()), xlabel="epoch")


def percent(rate: float) -> str:
    """Returns a rate as a percentage: 0.01 becomes `1 %`."""
    return f"{rate * 100:.4g} %"


def shortened(name: str, length: int = 13) -> str:
    """Shortens a name to `length` characters; cuts out the middle, where the names of recordings differ least.

    Synthetic recordings differ only in their number: `synthetic_0000012` becomes `syn 12`.
    """
    name = re.sub(r"^synthetic_0*(?=\d)", "syn ", name)
    half = (length - 1) // 2
    return name if len(name) <= length else f"{name[: length - 1 - half]}…{name[-half:]}"
