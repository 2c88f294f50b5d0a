"""Loads a run's patches: finds, reads and checks the files, and splits off validation patches if necessary."""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.cli.find_run import read_config
from common.cli.training_options import TrainingOptions
from common.datasets.hdf5_column import check_room
from common.datasets.patch_file import Patches, concatenate, stored_patches
from common.datasets.resolve import SyntheticFiles, joined_name, resolve
from common.datasets.validation_split import split_validation
from common.errors import UserError

COPIES = 2  # the pixels are in memory twice during training: in the array, and in its copy on the device
DRY_RUN_PATCHES = 512


@dataclass(frozen=True)
class Splits:
    """The patches for training, for validation and, if there is a test file, for testing."""

    name: str  # the dataset's name in messages
    train: Patches
    validation: Patches
    test: Patches | None
    names: dict[str, str]  # the dataset's name for each split; the names differ if the user chose single files
    origin: dict[str, str]  # where each split came from
    substituted: bool  # whether synthetic patches replace the default family

    @property
    def parts(self) -> dict[str, Patches]:
        """The splits that exist, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def load_splits(task: str, options: TrainingOptions, synthetic: SyntheticFiles) -> Splits:
    """Finds, fetches and reads the patches that the options ask for.

    `synthetic` makes synthetic patches when they are requested or needed as a replacement.

    Raises:
        UserError: a dataset or file does not exist or cannot be used.
    """
    before = read_config(Path(options.resume)) if options.resume else {}  # a resumed run keeps its synthetic patches
    selection = resolve(task, options, synthetic, before.get("substituted", False))
    files = dict(selection.files)
    if before and "test" not in before["datasets"]:  # there was no test file when this run began
        files["test"] = ()
    origin = {split: ", ".join(selection.origin[path] for path in paths) for split, paths in files.items() if paths}
    names = {split: joined_name(paths) if options.data_train else selection.name for split, paths in files.items()}
    if options.stream and not files["validation"]:
        raise UserError(f"--stream needs a validation file. Received: {selection.name}. Train without --stream.")
    parts = {split: stored_patches(paths, task) for split, paths in files.items() if paths}
    if not options.stream:
        needed = COPIES * sum(math.prod(part.X.shape) for part in parts.values())
        check_room(needed, selection.name, " Add --stream, which reads the patches from their files during training.")
        parts = {split: replace(part, X=part.X[:]) for split, part in parts.items()}
    notes = [selection.warning] if selection.warning and not selection.substituted else []
    if selection.substituted:  # a frame makes the warning hard to miss
        print(f"\n{'!' * 100}\n{selection.warning}\n{'!' * 100}\n", file=sys.stderr)
    if "validation" not in parts:
        parts["train"], parts["validation"], how = split_validation(parts["train"], seed=options.seed)
        origin["validation"], names["validation"] = origin["train"], names["train"]
        notes.append(f"There is no validation file, so validation patches are split off: {how}.")
    if task == "classification":
        _check_classes(parts["train"])
    channels = parts["train"].X.shape[3]
    if options.mean and len(options.mean) != channels:
        given = " ".join(map(str, options.mean))
        raise UserError(f"--mean takes one brightness per channel, here {channels}. Received: {given}.")
    if options.dry_run:
        parts = {split: _sample(part, options.seed) for split, part in parts.items()}
    concatenate([part.take([0]) for part in parts.values()])  # raises an error if the splits differ in size or colour
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    train, validation, test = (parts.get(split) for split in ("train", "validation", "test"))
    return Splits(selection.name, train, validation, test, names, origin, selection.substituted)


def _check_classes(train: Patches) -> None:
    """Refuses to train on one class: the network would only learn to predict that class, with an excellent loss."""
    balls = int((train.y > 0.5).sum())
    if balls in (0, len(train)):
        raise UserError(
            f"Training needs patches with and without a ball. Received: {balls} balls in {len(train)} training "
            f"patches, {', '.join(train.files)}. Add files to --data-train."
        )


def _sample(patches: Patches, seed: int) -> Patches:
    chosen = np.random.default_rng(seed).permutation(len(patches))[:DRY_RUN_PATCHES]
    return patches.take(np.sort(chosen))


def read_files(paths: Sequence[Path], task: str) -> tuple[Patches, list[str] | None]:
    """Reads patch files that are scored together, and each patch's file name (None if there is only one file)."""
    patches = stored_patches(paths, task)
    names = [name for name, n in zip(_told_apart(paths), patches.X.lengths, strict=True) for _ in range(n)]
    return patches, names if len(paths) > 1 else None


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """Returns the names of files or, if two names are the same, the paths below the files' common folder instead."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        top = os.path.commonpath([path.absolute().parent for path in paths])
        names = [path.absolute().relative_to(top).as_posix() for path in paths]
    return names
