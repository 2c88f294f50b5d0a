"""What an export needs to know about a training project; the project passes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Project:
    """The description of a training project for exports.

    name: its package. purpose: one sentence for the model card.
    measure: (y, outputs [n, k], threshold or None) -> numbers, for the parity table.
    table: numbers per split -> text. group_table: (rows, shown of each kind) -> text, worst first.
    pictures: (kind, what it shows); the file is SPLIT_KIND.png in the run folder.
    tracked: the numbers of each split that are tracked as metrics; evaluation.json and the table have all of them.
    choose: (y, outputs, Keras's numbers, its threshold) -> the threshold of a format: Keras's, or another if that
        helps; None if the project has no threshold.
    """

    name: str
    purpose: str
    measure: Callable[[np.ndarray, np.ndarray, float | None], Numbers]
    table: Callable[[Mapping[str, Numbers]], str]
    group_table: Callable[[Sequence[Mapping], int], str]
    pictures: tuple[tuple[str, str], ...]
    tracked: Mapping[str, tuple[str, ...]]
    choose: Callable[[np.ndarray, np.ndarray, Numbers, float], float] | None = None
