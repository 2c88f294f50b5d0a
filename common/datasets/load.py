"""Loads the patches of a run: finds the files, reads and checks them, and splits off validation if there is none."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.cli.find_run import read_config
from common.cli.training_options import TrainingOptions
from common.datasets.grouped_split import split_validation
from common.datasets.patch_file import Patches, concatenate, read_patches
from common.datasets.resolve import Source, SyntheticFiles, Wanted, resolve
from common.datasets.streaming import check_memory, stored_patches
from common.errors import UserError

DRY_RUN_PATCHES = 512


@dataclass(frozen=True)
class Splits:
    """What is trained, validated and, where there is such a file, tested on.

    name: of the dataset, for people. origin: where each split came from. notes: one line each for the user.
    """

    name: str
    train: Patches
    validation: Patches
    test: Patches | None
    origin: dict[str, str]
    substituted: bool
    notes: tuple[str, ...]

    @property
    def parts(self) -> dict[str, Patches]:
        """The splits that there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def load_splits(task: str, options: TrainingOptions, synthetic: SyntheticFiles) -> Splits:
    """Finds, fetches and reads the patches that the options ask for.

    Args:
        task: `classification` or `detection`.
        options: of the training.
        synthetic: what brings the synthetic patches, where they are asked for or stand in.

    Raises:
        UserError: no such dataset, no such file, or one that cannot be used.
    """
    before = _begun_with(options)
    wanted = Wanted(options.dataset, options.data_train, options.data_val, options.data_test)
    source = Source(options.data_root, options.archive_url, options.offline)
    selection = resolve(task, wanted, source, synthetic, before.get("substituted", False))
    files = {"train": selection.train, "validation": selection.validation, "test": selection.test}
    if before and "test" not in before["datasets"]:  # there was none to fetch when this run began
        files["test"] = ()
    origin = {split: ", ".join(selection.origin[path] for path in paths) for split, paths in files.items() if paths}
    if not options.stream:
        check_memory([path for paths in files.values() for path in paths])
    elif not selection.validation:
        raise UserError(
            f"--stream needs a validation file. Received: {selection.name}. Name one with --data-val, or train "
            "without --stream: then a part of the training patches is split off."
        )
    read = stored_patches if options.stream else _read
    parts = {split: read(paths, task) for split, paths in files.items() if paths}
    notes = [selection.warning] if selection.warning else []
    if "validation" not in parts:
        parts["train"], parts["validation"], how = split_validation(parts["train"], seed=options.seed)
        origin["validation"] = origin["train"]
        notes.append(f"There is no validation file: {how}.")
    if task == "classification":
        _check_classes(parts["train"])
    if options.dry_run:
        parts = {split: _sample(part, options.seed) for split, part in parts.items()}
    concatenate([part.take([0]) for part in parts.values()])  # one size and colour in all splits, or one clear line
    _say(selection.substituted, notes)
    return Splits(
        selection.name,
        parts["train"],
        parts["validation"],
        parts.get("test"),
        origin,
        selection.substituted,
        tuple(notes),
    )


def _begun_with(options: TrainingOptions) -> dict:
    """config.json of the run to resume: the archive may have come back since it began. {} for a new run."""
    return read_config(Path(options.resume)) if options.resume else {}


def _read(paths: Sequence[Path], task: str) -> Patches:
    return concatenate([read_patches(path, task) for path in paths])


def _check_classes(train: Patches) -> None:
    """With one class a network only learns to answer it always, which looks like good training."""
    balls = int((train.y > 0.5).sum())
    if balls in (0, len(train)):
        raise UserError(
            f"Training needs patches with and without a ball. Received: {balls} balls of {len(train)} training "
            f"patches, {', '.join(train.files)}. Add files to --data-train."
        )


def _sample(patches: Patches, seed: int) -> Patches:
    chosen = np.random.default_rng(seed).permutation(len(patches))[:DRY_RUN_PATCHES]
    return patches.take(np.sort(chosen))


def _say(substituted: bool, notes: list[str]) -> None:
    """Prints the notes; a frame makes a substituted dataset hard to miss."""
    for note in notes:
        if substituted and note is notes[0]:
            print(f"\n{'!' * 100}\n{note}\n{'!' * 100}\n", file=sys.stderr)
        else:
            print(f"note: {note}", file=sys.stderr)


def read_files(paths: Sequence[Path], task: str):
    """Reads patch files as one set.

    Returns:
        Patches, and the file of each patch, str [n], or None if there is only one.

    Raises:
        UserError: a file that no model could be scored on, or files that do not fit together.
    """
    patches = stored_patches(paths, task)
    names = [name for name, n in zip(_told_apart(paths), patches.X.lengths, strict=True) for _ in range(n)]
    return patches, names if len(paths) > 1 else None


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """Names of the files, with as many of their folders as it takes: the same name is often in two folders."""
    parts = [path.absolute().parts for path in paths]
    names = [path.name for path in paths]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        if len(set(names)) == len(set(parts)):
            break
        names = ["/".join(part[-depth:]) for part in parts]
    return names
