"""Plants wrong labels in real patches and measures how many suspects.py finds, and how much correcting them helps.

Some labels of the training file are corrupted: the class is reversed, or the circle is moved by 0.15 to 0.3 of the
patch size or scaled by 1.4. All labels are judged as in suspects.py, with one network per fold. Then networks are
trained on four versions of the file: the original; one with the wrong labels; one in which the wrong labels are
corrected if they are suspects; and one without the suspects. The networks are evaluated on the other files of the
family, which have different recordings. The results are the metrics of each version, averaged over the seeds, and
their differences from those of the version with the wrong labels, with 95 % intervals over recordings.

    .venv/bin/python benchmarks/planted_labels.py --data-root data --filters 4 4 8 8
    .venv/bin/python benchmarks/planted_labels.py --data-root data --epochs 300 \
        --project detector_cnn_ball_radius_center

takes about ten minutes on one core.
"""

import argparse
import dataclasses
import importlib
import sys
import time
from types import SimpleNamespace

import cross_validation
import keras
import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from common.cli import launch
from common.cli.program import run_main
from common.datasets.families import DEFAULT_STEMS
from common.datasets.patch_file import Patches
from common.runs.bootstrap import bootstrap_interval
from common.training import devices_and_seeds
from common.training.predictor import make_predictor
from dataset_tools.inspection.file_statistics import sharpness
from dataset_tools.leaks.hashes import small
from dataset_tools.suspects.folds_and_list import held_out_answers

PROJECTS = {"classifier_cnn": "classification", "detector_cnn_ball_radius_center": "detection"}


def parse_args(argv=None) -> argparse.Namespace:
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument(
        "--project", choices=PROJECTS, default="classifier_cnn", help="project to measure (%(default)s)"
    )
    project = chosen.parse_known_args(argv)[0].project
    options = importlib.import_module(f"{project}.options").Options
    parser = cross_validation.parser(__doc__, options, DEFAULT_STEMS[PROJECTS[project]], "planted_labels.json")
    parser.add_argument(
        "--project", choices=PROJECTS, default="classifier_cnn", help="project to measure (%(default)s)"
    )
    parser.add_argument("--share", type=float, default=0.02, help="fraction of the labels to corrupt (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="networks per version (%(default)s)")
    return parser.parse_args(argv)


def plant(y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Corrupts some labels. Returns all labels, and whether each label was corrupted, bool [n]."""
    rng, y = np.random.default_rng(seed), y.copy()
    chosen = np.sort(rng.permutation(len(y))[: round(share * len(y))])
    if y.ndim == 1:
        y[chosen] = 1 - y[chosen]
    else:
        moved, scaled = chosen[::2], chosen[1::2]
        angle, far = rng.uniform(0, 2 * np.pi, len(moved)), rng.uniform(0.15, 0.3, len(moved))
        y[moved, 1:] += np.stack([far * np.cos(angle), far * np.sin(angle)], 1)
        y[scaled, 0] *= 1.4 ** rng.choice([-1, 1], len(scaled))
    return y, np.isin(np.arange(len(y)), chosen)


def judge(project: str, patches: Patches, answers: np.ndarray) -> np.ndarray:
    """Returns whether each label is a suspect, bool [n]."""
    rule = importlib.import_module(f"{project}.find_suspects")
    if patches.task == "classification":
        return np.isin(np.arange(len(patches)), rule.suspicious(patches.y, answers[:, 0]))
    return rule.unexplained(patches.y, answers, sharpness(small(patches.X))) > rule.SUSPICIOUS


def measured(args: argparse.Namespace, versions: dict[str, Patches], others: Patches, make_trainer) -> dict:
    """Trains on each version and evaluates on `others`.

    Returns the metrics of each version, averaged over the seeds, and their differences from those of `planted`.
    """
    subject = importlib.import_module(f"{args.project}.comparing").subject()
    found = {}
    for name, patches in versions.items():
        for seed in range(args.seeds):
            keras.utils.set_random_seed(seed)
            trainer = make_trainer(patches, seed)
            for epoch in range(trainer.settings.epochs):
                trainer.train_epoch(epoch)
            answers = make_predictor(trainer.average)(others.X)
            found.setdefault(name, []).append(subject.measure(others, answers, 0.5))
            print(f"trained: {name}, seed {seed}", file=sys.stderr)

    def means(rows):
        times = np.bincount(rows, minlength=len(others))
        return np.mean([[measure(times) for measure in measures] for measures in found.values()], axis=1)

    def grown(rows):
        both = means(rows)
        return both - both[list(found).index("planted")]

    every = np.arange(len(others))
    ends = np.array(bootstrap_interval(grown, every, groups=others.recording))
    result = {}
    for i, name in enumerate(found):
        for j, measure in enumerate(subject.measures[:2]):
            numbers = {"mean": means(every)[i, j], "difference": grown(every)[i, j], "interval": ends[:, i, j].tolist()}
            result.setdefault(name, {})[measure.label] = numbers
            low, high = (measure.shown(end, "+") for end in numbers["interval"])
            told = f"{measure.shown(numbers['difference'], '+')} [{low}, {high}]"
            print(f"{name:8} {measure.label:30} {measure.shown(numbers['mean'])}, {told}")
    return result


def main(argv=None) -> None:
    args = parse_args(argv)
    task = PROJECTS[args.project]
    splits = ("train", "validation", "test") if task == "classification" else ("train", "validation")
    patches, split = cross_validation.load(args, task, splits)
    train, others = patches.take(split == 0), patches.take(split > 0)
    launch.switch_off()
    devices_and_seeds.prepare(args.seed, args.threads)
    training = importlib.import_module(f"{args.project}.training")
    options = importlib.import_module(f"{args.project}.options").Options(
        tuple(args.filters), args.dense, epochs=args.epochs, threads=args.threads
    )

    def make_trainer(patches: Patches, seed: int = args.seed):
        known = SimpleNamespace(train=patches, validation=None)
        return training.prepare(*training.build(dataclasses.replace(options, seed=seed), known), known)[0]

    y, wrong = plant(train.y, args.share, args.seed)
    planted = dataclasses.replace(train, y=y)
    splitter = (StratifiedGroupKFold if task == "classification" else GroupKFold)(
        args.folds, shuffle=True, random_state=args.split_seed
    )
    start = time.perf_counter()
    suspects = judge(args.project, planted, held_out_answers(planted, splitter, args.seed, make_trainer))
    seconds = time.perf_counter() - start
    hits = int((suspects & wrong).sum())
    print(
        f"{hits} of {wrong.sum()} planted labels are among {suspects.sum()} suspects; {len(y)} labels, {seconds:.0f} s"
    )
    right = (suspects & wrong).reshape(-1, *[1] * (y.ndim - 1))
    checked = dataclasses.replace(train, y=np.where(right, train.y, y))
    versions = {"as it was": train, "planted": planted, "checked": checked, "dropped": planted.take(~suspects)}
    numbers = measured(args, versions, others, make_trainer)
    counts = {"planted": int(wrong.sum()), "suspects": int(suspects.sum()), "found": hits, "patches": len(y)}
    cross_validation.write(args, {"seconds": seconds, **counts, "versions": numbers})


if __name__ == "__main__":
    sys.exit(run_main(main))
