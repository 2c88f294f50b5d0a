"""Counts and draws the duplicates that were found between the sides of a split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.atomic_files import replacing
from common.datasets.families import SPLITS
from dataset_tools.leaks.duplicates import Pairs
from dataset_tools.sources.labels import KIND_NAMES

PAIRS_MAX = 60  # pairs in the picture
COLUMNS = 3  # pairs in a row
EDGE, MARGIN, LINE_HEIGHT = 64, 6, 17  # pixels: side of a drawn patch, margin around it, height of a line of text
CELL = (470, EDGE + MARGIN)  # pixels: width and height of a pair with its text


@dataclass(frozen=True)
class Report:
    """The leaks of one root.

    lines: text for the user, one line per comparison; worst_share: the largest fraction of a split's patches that have
    a duplicate in an earlier split; pairs: all leaking pairs.
    """

    lines: list[str]
    worst_share: float
    pairs: Pairs


def across(pairs: Pairs, side: np.ndarray, used: np.ndarray) -> Report:
    """Reports which validation patches have a duplicate in training, and which test patches in training or validation.

    Args:
        pairs: duplicates between recordings.
        side: int [n], index into SPLITS.
        used: bool [n], whether each patch is written to a file.
    """
    lines, worst, found = [], 0.0, np.zeros(len(pairs), bool)
    both_used = used[pairs.left] & used[pairs.right]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        mask = both_used & (side[pairs.left] == first) & (side[pairs.right] == second)
        found |= mask
        leaking, exact = len(np.unique(pairs.right[mask])), len(np.unique(pairs.right[mask & pairs.exact]))
        total = int((used & (side == second)).sum())
        share = leaking / total if total else 0.0
        worst = max(worst, share)
        lines.append(
            f"{SPLITS[second]} against {SPLITS[first]}: {leaking} of {total} patches have a duplicate ({share:.2%}),"
            f" {exact} exact"
        )
    return Report(lines, worst, pairs.where(found))


def draw(report: Report, store, side: np.ndarray, title: list[str], path: Path) -> None:
    """Draws the pairs: both patches with their splits, classes, recordings and cameras, and the correlation."""
    pairs = report.pairs
    order = np.argsort(-pairs.correlation, kind="stable")[:PAIRS_MAX]
    shown = f"{len(order)} of {len(pairs)} pairs, most similar first:" if len(pairs) else "No pairs: nothing leaks."
    lines = [*title, "", *report.lines, "", shown]
    header = 16 + LINE_HEIGHT * len(lines)
    size = (COLUMNS * CELL[0], header + -(-len(order) // COLUMNS) * CELL[1])
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    pen.font = ImageFont.load_default(13)  # at the default size of 10, letters touch each other
    for number, line in enumerate(lines):
        pen.text((MARGIN, 4 + LINE_HEIGHT * number), line, fill="black")
    for place, index in enumerate(order):
        left, top = place % COLUMNS * CELL[0] + MARGIN, header + place // COLUMNS * CELL[1]
        ends = np.array([pairs.left[index], pairs.right[index]])
        for number, thumbnail in enumerate(store.thumbnails(ends)):
            large = Image.fromarray(thumbnail).resize((EDGE, EDGE), Image.Resampling.NEAREST)
            picture.paste(large, (left + number * (EDGE + MARGIN), top))
        what = "exact duplicates" if pairs.exact[index] else f"correlation {pairs.correlation[index]:.3f}"
        words = [_words(store, side, end) for end in ends]
        pen.text((left + 2 * (EDGE + MARGIN) + MARGIN, top + 4), "\n".join([*words, what]), fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        picture.save(partial, format="PNG")


def _words(store, side: np.ndarray, index: int) -> str:
    recording, camera, origin = (
        store.names(key, np.array([index]))[0].decode() for key in ("recording", "camera", "origin")
    )
    kind = KIND_NAMES[store.columns["kind"][index]]
    return f"{SPLITS[side[index]]}: {kind}, {origin} {recording or '-'} {camera}".rstrip()
