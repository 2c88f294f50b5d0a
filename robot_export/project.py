"""Describes what an export needs to know about a training project, which passes an object of this class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Project:
    """The description of a training project for exports.

    name: its package. purpose: one sentence for the model card.
    measure: (y, outputs [n, k], threshold or None) -> metrics for the parity table.
    table: metrics per split -> text. group_table: (rows, maximum number per kind) -> text, worst first.
    pictures: (kind, what the picture shows); the file is SPLIT_KIND.png in the run folder.
    tracked: the metrics of each split that are tracked on the server; evaluation.json and the table have all metrics.
    choose: (y, outputs, Keras's metrics, Keras's threshold) -> the threshold of a format: that of Keras, or a better
        one; None if the project has no threshold.
    """

    name: str
    purpose: str
    measure: Callable[[np.ndarray, np.ndarray, float | None], Numbers]
    table: Callable[[Mapping[str, Numbers]], str]
    group_table: Callable[[Sequence[Mapping], int], str]
    pictures: tuple[tuple[str, str], ...]
    tracked: Mapping[str, tuple[str, ...]]
    choose: Callable[[np.ndarray, np.ndarray, Numbers, float], float] | None = None
