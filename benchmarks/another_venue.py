"""Measures the effect of stronger lighting changes and synthetic patches at a venue that is not in the training data.

For each venue, every variant is trained with the same seeds, without that venue's patches, and then evaluated on them.
All variants are trained on the same number of patches.

    .venv/bin/python benchmarks/another_venue.py --data-root data --venues cuda saba aref

takes about seven minutes on one core.
"""

import argparse
import sys
from types import SimpleNamespace

import cross_validation
import keras
import numpy as np
from scipy.stats import t

from classifier_cnn import leave_out_venues, metrics, venues
from classifier_cnn.augmentation import make_augmentation
from classifier_cnn.loss import make_loss
from classifier_cnn.options import DEFAULT_STEM, Options
from classifier_cnn.training import build
from common.atomic_files import write_json
from common.cli.program import run_main
from common.cli.progress import progress_bar
from common.datasets.patch_file import Patches, read_patches
from common.training import devices_and_seeds
from common.training.batches import training_data
from common.training.predictor import make_predictor
from common.training.trainer import Settings, Trainer
from dataset_tools.synthetic.render_files import synthetic_files

VARIANTS = {  # name: (strength of the lighting changes, fraction of synthetic patches)
    "the recipe": (1.0, 0.0),
    "light x 1.7": (1.7, 0.0),
    "a fifth synthetic": (1.0, 0.2),
    "half synthetic": (1.0, 0.5),
}


def parse_args(argv=None) -> argparse.Namespace:
    parser = cross_validation.parser(__doc__, Options, DEFAULT_STEM, "another_venue.json")
    parser.add_argument("--venues", nargs="+", default=["cuda", "saba", "aref"], help="left out in turn (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (%(default)s)")
    parser.set_defaults(filters=[4, 4, 8, 8], epochs=60)
    return parser.parse_args(argv)


def train(options: Options, rest: Patches, synthetic: Patches, light: float, share: float):
    """Trains a predictor on `rest` plus a fraction of synthetic patches.

    The network sees epochs * len(rest) patches in total.
    """
    chosen = np.random.default_rng(options.seed).permutation(len(synthetic))[: round(len(rest) * share / (1 - share))]
    X, y = (np.concatenate([a, b[chosen]]) for a, b in ((rest.X, synthetic.X), (rest.y, synthetic.y)))
    patches = Patches(X, y)
    keras.utils.set_random_seed(options.seed)
    model, _ = build(options, SimpleNamespace(train=patches))
    epochs = round(options.epochs * len(rest) / len(patches))
    settings = Settings(epochs, options.batch_size, options.learning_rate)
    data = training_data(patches, settings.batch_size)
    trainer = Trainer(model, data, make_loss(1.0), make_augmentation(options.seed, light), settings, head="logit")
    for epoch in range(epochs):
        trainer.train_epoch(epoch)
    return make_predictor(trainer.average)


def main(argv=None) -> None:
    args = parse_args(argv)
    devices_and_seeds.prepare(args.seed, args.threads)
    patches, _ = cross_validation.load(args, "classification", ("train", "validation", "test"))
    told = leave_out_venues.find_venues(patches.y, patches.recording, venues.VenueOptions().group)
    synthetic = read_patches(synthetic_files("classification", args.data_root)["train"], "classification")
    cases = [(name, venue, seed) for venue in args.venues for seed in range(args.seeds) for name in VARIANTS]
    rows = []
    for name, venue, seed in progress_bar(cases, desc="training", unit="network"):
        options = Options(tuple(args.filters), args.dense, epochs=args.epochs, seed=seed, threads=args.threads)
        there = patches.take(told == venue)
        scores = train(options, patches.take(told != venue), synthetic, *VARIANTS[name])(there.X)[:, 0]
        numbers = metrics.evaluate(there.y, scores, 0.5)
        kept = {key: numbers[key] for key in ("recall_at_fpr_0.01", "auroc")}
        rows.append({"variant": name, "venue": venue, "seed": seed} | kept)
        write_json(args.output, {"arguments": {"epochs": args.epochs, "filters": args.filters}, "rows": rows})
    print(table(rows, VARIANTS, ("recall_at_fpr_0.01", "auroc"), args.venues))


def table(rows: list[dict], variants, keys, names: list[str]) -> str:
    """Returns a table with the mean of each variant at each venue.

    The last column is the mean paired difference from the first variant, with a 95 % interval.
    """
    lines = [f"{'':24}{'':24}" + "".join(f"{venue:>8}" for venue in names) + "  against the first"]
    for key in keys:
        found = {
            name: np.array([[r[key] for r in rows if (r["variant"], r["venue"]) == (name, venue)] for venue in names])
            for name in variants
        }
        for name, values in found.items():
            gained = (values - next(iter(found.values()))).ravel()
            reach = t.ppf(0.975, len(gained) - 1) * gained.std(ddof=1) / np.sqrt(len(gained))
            means = "".join(f"{value:8.3f}" for value in values.mean(1))
            lines.append(f"{key:24}{name:24}{means}  {gained.mean():+.4f} +- {reach:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_main(main))
