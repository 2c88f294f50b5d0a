"""Decides whether an exported file gives the same outputs as the trained model, on a whole split of patches."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from robot_export.layout import Layout, term
from robot_export.project import Numbers, Project

# The largest difference allowed for a float32 format. Adding values in another order changes the outputs by less.
EXACT = 1e-4
# Largest difference allowed between a quantised format and its test vectors: processors round differently.
QUANTISED = 0.02
RECALL_LOST = 0.005  # a format is rejected if it loses more than this fraction of the balls at its threshold
ERROR_GROWN = 0.05  # a format is rejected if its centre error exceeds Keras's by more than this fraction


def reasons(before: Numbers, after: Numbers) -> list[str]:
    """Returns the reasons for rejecting a format. before: the metrics of Keras. after: the metrics of the format."""
    recall, found = after.get("recall", 0.0), []
    lost = before.get("recall", 0.0) - recall
    if lost > RECALL_LOST + 1e-9:  # ignores rounding errors
        found.append(f"at its threshold it finds {recall:.2%} of the balls, {100 * lost:.2f} points below Keras")
    for what in ("median", "mean"):
        name = f"{what}_center_error_px"
        error = after.get(name, math.inf)
        grown = error / before[name] - 1 if before.get(name) else 0.0
        if grown > ERROR_GROWN:
            found.append(f"its {what} centre error is {error:.3f} px, {grown:.1%} above Keras's")
    return found


def tolerance(runtime: str, layout: Layout, size: int) -> float:
    """Returns the largest difference allowed between a file's outputs and its test vectors, in the outputs' units.

    size: the side of a patch in pixels.
    """
    # TFLite's int8 rounds differently on other processors; the int16 header outputs the same bits everywhere.
    limit = QUANTISED if runtime == "LiteRT" and layout.dtype == "uint8" else EXACT
    if layout.outputs:
        limit *= max(abs(term(output, size)[1]) for output in layout.outputs)
        limit *= 10 if "logit" in layout.outputs else 1  # logits can be above 20, so their errors are larger
    return limit


class Verdict(NamedTuple):
    """The result for a format: `numbers` for the table, its `threshold`, and the reasons if it is rejected."""

    numbers: dict[str, float]
    threshold: float | None
    reasons: list[str]


@dataclass(frozen=True)
class Reference:
    """The reference that every format is compared with.

    y: the labels. outputs: float32 [n, k], the outputs of Keras. threshold: Keras's threshold; None for a detector.
    """

    y: np.ndarray
    outputs: np.ndarray
    threshold: float | None
    project: Project

    def own_threshold(self, outputs: np.ndarray) -> float | None:
        """Chooses the threshold of a quantised format."""
        if self.project.choose is None:
            return self.threshold
        return self.project.choose(self.y, outputs, self.numbers, self.threshold)

    def compare(self, name: str, exact: bool, outputs: np.ndarray) -> Verdict:
        """Compares a format's outputs [n, k] with Keras's outputs; a quantised format is judged at its own threshold.

        Raises:
            UserError: an exact format differs by more than `EXACT`, or outputs are NaN or infinite.
        """
        difference = np.abs(outputs.astype(np.float64) - self.outputs)
        if not np.isfinite(difference).all():
            broken = np.sum(~np.isfinite(outputs).all(axis=1))
            raise UserError(
                f"outputs of the {name} format are NaN or infinite. Received: {broken} of {len(outputs)}. Not exported."
            )
        if exact and difference.max() > EXACT:
            worst = int(difference.max(axis=1).argmax())
            raise UserError(
                f"the {name} format differs from the trained model: for validation patch {worst} it outputs "
                f"{outputs[worst]}, but Keras outputs {self.outputs[worst]} (allowed: {EXACT:g}). Not exported."
            )
        own = self.threshold if exact else self.own_threshold(outputs)
        numbers = self.project.measure(self.y, outputs, own)
        found = {"patches": len(outputs), "max_difference": float(difference.max())}
        found |= {"mean_difference": float(difference.mean())}
        if self.threshold is not None:
            limit = np.float32(self.threshold)
            found |= {"flips": int(np.sum((outputs[:, 0] >= limit) != (self.outputs[:, 0] >= limit)))}
        return Verdict(found | numbers, own, reasons(self.numbers, numbers))

    @cached_property
    def numbers(self) -> Numbers:
        """The metrics of Keras's outputs, from `Project.measure`."""
        return self.project.measure(self.y, self.outputs, self.threshold)
