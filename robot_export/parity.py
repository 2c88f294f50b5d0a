"""Whether an exported form does what the trained model does, over a whole split of patches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.errors import UserError

EXACT = 1e-4  # highest difference of a float32 form


@dataclass(frozen=True)
class Judge:
    """What a project knows of its outputs.

    measure: (y, outputs [n, k], threshold or None) -> numbers by name, for the parity table.
    reasons: (Keras's numbers, the form's) -> why the form is unfit, in words; empty where it is fit.
    choose: (y, outputs, Keras's numbers, its threshold) -> the threshold of a form: Keras's, or another where that
        helps; None where the project has none.
    """

    measure: Callable[[np.ndarray, np.ndarray, float | None], dict[str, float]]
    reasons: Callable[[dict[str, float], dict[str, float]], list[str]]
    choose: Callable[[np.ndarray, np.ndarray, dict[str, float], float], float] | None = None


@dataclass(frozen=True)
class Verdict:
    """How a form compares: `numbers` for the table, `threshold` that it is shipped with, `unfit`: why it is."""

    numbers: dict[str, float]
    threshold: float | None
    unfit: list[str]


def own_threshold(y, reference, outputs, threshold: float | None, judge: Judge) -> float | None:
    """The threshold of a form that is not exact; arguments as `compare`."""
    return judge.choose(y, outputs, judge.measure(y, reference, threshold), threshold) if judge.choose else threshold


def compare(
    name: str,
    exact: bool,
    y: np.ndarray,
    reference: np.ndarray,
    outputs: np.ndarray,
    threshold: float | None,
    judge: Judge,
) -> Verdict:
    """Compares a form's outputs with Keras's, both [n, k], on patches with labels y.

    A form that is not exact is judged at the threshold that the project chooses for it.

    Raises:
        UserError: an exact form that differs by more than `EXACT`, or outputs that are no numbers.
    """
    difference = np.abs(outputs.astype(np.float64) - reference)
    if not np.isfinite(difference).all():
        raise UserError(
            f"the {name} form gives answers that are no numbers. Received: {_broken(outputs)}. Not shipped."
        )
    if exact and difference.max() > EXACT:
        worst = int(difference.max(axis=1).argmax())
        raise UserError(
            f"the {name} form is not the trained model: its answer to validation patch {worst} is {outputs[worst]} "
            f"where Keras gives {reference[worst]} (allowed: {EXACT:g}). Not shipped."
        )
    before = judge.measure(y, reference, threshold)
    own = threshold if exact else own_threshold(y, reference, outputs, threshold, judge)
    numbers = judge.measure(y, outputs, own)
    told = {"patches": len(y), "max_difference": float(difference.max()), "mean_difference": float(difference.mean())}
    if threshold is not None:
        same = (outputs[:, 0] >= np.float32(threshold)) == (reference[:, 0] >= np.float32(threshold))
        told |= {"flips": int(np.sum(~same))}
    return Verdict(told | numbers, own, judge.reasons(before, numbers))


def _broken(outputs: np.ndarray) -> str:
    return f"{np.sum(~np.isfinite(outputs).all(axis=1))} of {len(outputs)}"
