"""Judges whether an exported file computes the same as the trained model, on a whole split of patches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.errors import UserError

EXACT = 1e-4  # largest difference of a float32 format; another order of additions cannot cause more
QUANTISED = 0.02  # largest difference of a quantised format from its test vectors; processors round differently


@dataclass(frozen=True)
class Judge:
    """A project's rules for judging outputs.

    measure: (y, outputs [n, k], threshold or None) -> numbers by name, for the parity table.
    reasons: (Keras's numbers, the format's) -> the reasons why the format is rejected; empty if it is accepted.
    choose: (y, outputs, Keras's numbers, its threshold) -> the threshold of a format: Keras's, or another if that
        helps; None if the project has no threshold.
    """

    measure: Callable[[np.ndarray, np.ndarray, float | None], dict[str, float]]
    reasons: Callable[[dict[str, float], dict[str, float]], list[str]]
    choose: Callable[[np.ndarray, np.ndarray, dict[str, float], float], float] | None = None


@dataclass(frozen=True)
class Reference:
    """The reference that every format is compared with.

    y: labels of the patches. outputs: float32 [n, k], the outputs of Keras. threshold: Keras's, None for a detector.
    judge: the project's rules.
    """

    y: np.ndarray
    outputs: np.ndarray
    threshold: float | None
    judge: Judge

    def own_threshold(self, outputs: np.ndarray) -> float | None:
        """The threshold of a format that is not exact."""
        if self.judge.choose is None:
            return self.threshold
        return self.judge.choose(self.y, outputs, self._numbers(), self.threshold)

    def compare(self, name: str, exact: bool, outputs: np.ndarray) -> "Verdict":
        """Compares a format's outputs [n, k] with Keras's.

        A quantised format is judged at the threshold that the project chooses for it.

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
        numbers = self.judge.measure(self.y, outputs, own)
        found = {"patches": len(outputs), "max_difference": float(difference.max())}
        found |= {"mean_difference": float(difference.mean())}
        if self.threshold is not None:
            limit = np.float32(self.threshold)
            found |= {"flips": int(np.sum((outputs[:, 0] >= limit) != (self.outputs[:, 0] >= limit)))}
        return Verdict(found | numbers, own, self.judge.reasons(self._numbers(), numbers))

    def _numbers(self) -> dict[str, float]:
        return self.judge.measure(self.y, self.outputs, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """The result for a format: `numbers` for the table, its `threshold`, and the reasons why it is rejected."""

    numbers: dict[str, float]
    threshold: float | None
    reasons: list[str]
