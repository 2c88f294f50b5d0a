"""Joins all splits of a family and divides them into folds by recording; used by both cross-validations."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common import provenance
from common.archive.fetch import fetch
from common.cli import launch
from common.cli.training_options import TrainingOptions
from common.datasets.families import parse_stem
from common.datasets.patch_file import Patches, concatenate, read_patches
from common.errors import UserError
from common.training import devices_and_seeds
from dataset_tools.suspects.folds_and_list import held_out_answers

PLACES = ("data_root", "archive_url", "output", "against")  # arguments that do not affect the results


def parser(description: str, options: type[TrainingOptions], stem: str, output: str) -> argparse.ArgumentParser:
    """Creates a parser with the options of both cross-validations; the defaults are those of train.py."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--dataset", default=stem, help="family: the stem of its files (%(default)s)")
    made.add_argument("--data-root", type=Path, default=Path("data"), help="the cached archive (%(default)s)")
    made.add_argument("--archive-url", help="where to download files that are not cached (default: no downloads)")
    made.add_argument("--filters", type=int, nargs="+", default=options.filters, help="1 or 4 numbers (%(default)s)")
    made.add_argument("--dense", type=int, default=options.dense, help="units of the dense layer (%(default)s)")
    made.add_argument("--epochs", type=int, help="epochs per fold (default: the same as train.py)")
    made.add_argument("--folds", type=int, default=5, help="number of folds (%(default)s)")
    made.add_argument(
        "--seed", type=int, default=0, help="seed for the weights, the shuffling and the augmentation (%(default)s)"
    )
    made.add_argument("--split-seed", type=int, default=0, help="seed for the division into folds (%(default)s)")
    made.add_argument("--threads", type=int, default=1, help="threads for TensorFlow (%(default)s)")
    made.add_argument("--output", type=Path, default=Path(output), help="JSON file for the results (%(default)s)")
    return made


def load(args: argparse.Namespace, task: str, splits: tuple[str, ...]) -> tuple[Patches, np.ndarray]:
    """Joins all splits of a family, whose files must name the recordings.

    Returns the patches, and for each patch the index of its split [n].
    """
    names = [parse_stem(args.dataset, task).file(split) for split in splits]
    if args.archive_url:
        paths = [fetch(name, args.data_root, args.archive_url) for name in names]
    else:
        paths = [args.data_root / name for name in names]
    parts = [read_patches(path, task) for path in paths]
    patches = concatenate(parts)
    if patches.recording is None:
        raise UserError(f"Folds are split by recording. Received: {args.dataset}, whose files do not name recordings.")
    return patches, np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def measure(args: argparse.Namespace, patches: Patches, splitter, make_trainer: Callable) -> tuple[np.ndarray, dict]:
    """Returns the result of `held_out_answers`, and the arguments, digest, device and time for the report."""
    launch.switch_off()
    devices_and_seeds.prepare(args.seed, args.threads)
    start = time.perf_counter()
    answers = held_out_answers(patches, splitter, args.seed, make_trainer)
    seconds = round(time.perf_counter() - start, 1)
    arguments = {name: value for name, value in vars(args).items() if name not in PLACES}
    about = {"arguments": arguments, "digest": patches.digest, "device": provenance.device(), "seconds": seconds}
    return answers, about


def write(args: argparse.Namespace, result: dict) -> None:
    """Writes the results, and prints the path of the file."""
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{args.folds} folds in {result['seconds']:.0f} s; details are in {args.output}")
