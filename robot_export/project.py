"""What an export needs to know about a training project; the project passes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from robot_export.parity import Judge


@dataclass(frozen=True)
class Project:
    """The description of a training project for exports.

    name: its package. purpose: one sentence for the model card. judge: the rules for its outputs.
    table: numbers per split -> text. group_table: (rows, shown of each kind) -> text, worst first.
    pictures: (kind, what it shows); the file is SPLIT_KIND.png in the run folder.
    tracked: the numbers of each split that are tracked as metrics; evaluation.json and the table have all of them.
    """

    name: str
    purpose: str
    judge: Judge
    table: Callable[[Mapping[str, Mapping[str, float]]], str]
    group_table: Callable[[Sequence[Mapping], int], str]
    pictures: tuple[tuple[str, str], ...]
    tracked: Mapping[str, tuple[str, ...]]
