"""What an export has to know of a training project, which passes it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from robot_export.parity import Judge


@dataclass(frozen=True)
class Project:
    """A training project as its exports see it.

    name: its package. purpose: one sentence for the model card. judge: of its outputs.
    table: numbers per split -> text. group_table: (rows, shown of each kind) -> text, worst first.
    pictures: (kind, what it shows); the file is SPLIT_KIND.png in the run folder.
    tracked: per split, the numbers that are tracked as metrics; all of them are in evaluation.json and the table.
    """

    name: str
    purpose: str
    judge: Judge
    table: Callable[[Mapping[str, Mapping[str, float]]], str]
    group_table: Callable[[Sequence[Mapping], int], str]
    pictures: tuple[tuple[str, str], ...]
    tracked: Mapping[str, tuple[str, ...]]
