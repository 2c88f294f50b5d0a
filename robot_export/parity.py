"""Judges whether an exported file computes the same as the trained model, on a whole split of patches."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from robot_export.project import Project

EXACT = 1e-4  # largest difference of a float32 format; another order of additions cannot cause more
QUANTISED = 0.02  # largest difference of a quantised format from its test vectors; processors round differently


class Verdict(NamedTuple):
    """The result for a format: `numbers` for the table, its `threshold`, and the reasons why it is rejected."""

    numbers: dict[str, float]
    threshold: float | None
    reasons: list[str]


@dataclass(frozen=True)
class Reference:
    """The reference that every format is compared with.

    y: labels of the patches. outputs: float32 [n, k], the outputs of Keras. threshold: Keras's, None for a detector.
    """

    y: np.ndarray
    outputs: np.ndarray
    threshold: float | None
    project: Project

    def own_threshold(self, outputs: np.ndarray) -> float | None:
        """The threshold of a format that is not exact."""
        if self.project.choose is None:
            return self.threshold
        return self.project.choose(self.y, outputs, self._numbers(), self.threshold)

    def compare(self, name: str, exact: bool, outputs: np.ndarray) -> Verdict:
        """Compares a format's outputs [n, k] with Keras's, a quantised one's at its own threshold.

        Raises:
            UserError: an exact format that differs by more than `EXACT`, or outputs that are NaN or infinite.
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
                f"the {name} format differs from the trained model: for validation patch {worst} it gives "
                f"{outputs[worst]}, Keras {self.outputs[worst]} (allowed: {EXACT:g}). Not exported."
            )
        own = self.threshold if exact else self.own_threshold(outputs)
        numbers = self.project.measure(self.y, outputs, own)
        found = {"patches": len(outputs), "max_difference": float(difference.max())}
        found |= {"mean_difference": float(difference.mean())}
        if self.threshold is not None:
            limit = np.float32(self.threshold)
            found |= {"flips": int(np.sum((outputs[:, 0] >= limit) != (self.outputs[:, 0] >= limit)))}
        return Verdict(found | numbers, own, self.project.reasons(self._numbers(), numbers))

    def _numbers(self) -> dict[str, float]:
        return self.project.measure(self.y, self.outputs, self.threshold)
