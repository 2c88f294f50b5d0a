"""Defines the class `Project`: what an export needs to know about a training project."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Project:
    """The description that a training project passes to an export.

    name: the project's package. purpose: one sentence for the model card.
    measure: (y, outputs [n, k], threshold or None) -> metrics for the parity table.
    table: metrics per split -> text. group_table: (rows, maximum number per kind) -> text, worst first.
    pictures: (kind, what the picture shows); its file in the run folder is SPLIT_KIND.png.
    tracked: the metrics of each split that are tracked on the server; evaluation.json and the table list all metrics.
    choose: (y, outputs, Keras's metrics, Keras's threshold) -> the threshold of a format, which is Keras's threshold or
        a better one; None if the project has no threshold.
    """

    name: str
    purpose: str
    measure: Callable[[np.ndarray, np.ndarray, float | None], Numbers]
    table: Callable[[Mapping[str, Numbers]], str]
    group_table: Callable[[Sequence[Mapping], int], str]
    pictures: tuple[tuple[str, str], ...]
    tracked: Mapping[str, tuple[str, ...]]
    choose: Callable[[np.ndarray, np.ndarray, Numbers, float], float] | None = None
