"""Measures whether the classifier mistakes fewer robots for balls if it also learns to recognise robots.

A second output says whether the patch shows a robot (`robot_intersect` of the NaoTH patches). The loss of this output
is added with a weight of 0.3, and the output is removed after training. With a weight of 0, the output has no effect on
training. All variants start from the same weights and see the same batches. In some recordings, robots are not
labelled, so a third variant leaves out the robot loss for patches of these recordings. One venue at a time is held out
for evaluation.

    .venv/bin/python benchmarks/robot_targets.py --naoth naoth_patches --filters 8 8 16 16

takes about eight minutes on one core.
"""

import argparse
import sys
from pathlib import Path

import another_venue
import keras
import numpy as np
import tensorflow as tf

from classifier_cnn import metrics
from classifier_cnn.augmentation import make_augmentation
from classifier_cnn.options import PATCHES_SEEN
from classifier_cnn.threshold import choose_threshold
from common.atomic_files import write_json
from common.cli.program import run_main
from common.cli.progress import progress_bar
from common.cli.training_options import default_epochs
from common.datasets.patch_file import Patches
from common.datasets.validation_split import split_validation
from common.training import devices_and_seeds
from common.training.batches import MemoryData
from common.training.predictor import make_predictor
from common.training.trainer import Settings, Trainer
from common.training.trunk import trunk
from dataset_tools.building.subsample_chunk import Plan, decode
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import Chunk, naoth_chunks

VARIANTS = {  # name: (weight of the robot loss, whether only recordings with labelled robots have this loss)
    "without robots": (0.0, False),
    "robots": (0.3, False),
    "robots where labelled": (0.3, True),
}
RECALL = 0.9  # recall at which the variants' false positives on robots are compared


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--naoth", type=Path, required=True, help="folder with top/ and bottom/, cut without a border")
    parser.add_argument("--venues", nargs="+", default=["cuda", "saba"], help="left out in turn (%(default)s)")
    parser.add_argument("--filters", type=int, nargs=4, default=[8, 8, 16, 16], help="filters per layer (%(default)s)")
    parser.add_argument("--epochs", type=int, help="epochs per network (default: the same as train.py)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("robot_targets.json"), help="JSON file for the results (%(default)s)"
    )
    return parser.parse_args(argv)


def read(root: Path) -> Patches:
    """Reads the unambiguous NaoTH patches at 16x16.

    The columns of y [n, 3] are: ball, robot, and whether robots are labelled in this recording.
    """
    chunks = [chunk for chunk in naoth_chunks(root, 0) if isinstance(chunk, Chunk)]
    batches = [decode(chunk, Plan((16,), False, "centres")) for chunk in progress_bar(chunks, desc="reading")]
    ball, robot = (np.concatenate([batch.columns[key] for batch in batches]) for key in ("ball", "robot"))
    recording = np.array([name for batch in batches for name in batch.recordings])
    kind, known = labels.kinds(ball, robot), np.isin(recording, recording[robot > 0])
    y = np.stack([kind == labels.BALL, robot > labels.ROBOT_ABOVE, known], 1).astype(np.float32)
    X = np.concatenate([batch.pixels[16] for batch in batches])
    return Patches(X, y, recording).take(np.isin(kind, (labels.BALL, labels.NO_BALL)))


def train(args: argparse.Namespace, patches: Patches, seed: int, weight: float, masked: bool):
    """Trains a network; returns a function that predicts balls."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(patches.X.shape[1:])
    x = trunk(inputs, args.filters, 64, False, patches.channel_means / 255)
    x = keras.layers.Dense(2, name="logit")(x)  # created after the trunk, because layers draw their seeds in order
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(x))

    def loss(y, logit):
        ball, robot = tf.unstack(tf.nn.sigmoid_cross_entropy_with_logits(labels=y[:, :2], logits=logit), axis=1)
        return ball + weight * (y[:, 2] if masked else 1.0) * robot

    settings = Settings(args.epochs or default_epochs(len(patches), PATCHES_SEEN), seed=seed)
    trainer = Trainer(model, MemoryData(patches.X, patches.y), loss, make_augmentation(seed), settings, head="logit")
    for epoch in range(settings.epochs):
        trainer.train_epoch(epoch)
    predict = make_predictor(trainer.average)
    return lambda X: predict(X)[:, 0]


def measure(there: Patches, scores: np.ndarray, threshold: float) -> dict[str, float]:
    """Returns the usual metrics for a venue, and the fraction of robots mistaken for balls at three thresholds."""
    balls, robots = there.y[:, 0] == 1, (there.y[:, 0] == 0) & (there.y[:, 1] == 1)
    numbers = metrics.evaluate(balls, scores, threshold)
    cuts = np.quantile(scores[balls], 1 - RECALL), choose_threshold(balls, scores, 0.01, 0).value, threshold
    names = f"robots_at_recall_{RECALL}", "robots_at_fpr_0.01", "robots_at_threshold"
    passed = {name: float(np.mean(scores[robots] >= np.float32(cut))) for name, cut in zip(names, cuts, strict=True)}
    return passed | {key: numbers[key] for key in ("recall", "false_positive_rate", "recall_at_fpr_0.01", "auroc")}


def main(argv=None) -> None:
    args = parse_args(argv)
    devices_and_seeds.prepare(0, threads=1)
    patches, rows = read(args.naoth), []
    cases = [(name, venue, seed) for venue in args.venues for seed in range(args.seeds) for name in VARIANTS]
    for name, venue, seed in progress_bar(cases, desc="training", unit="network"):
        inside = np.char.startswith(patches.recording.astype(str), f"{venue}_")
        there = patches.take(inside)
        learn, validation, _ = split_validation(patches.take(~inside), seed=seed)
        predict = train(args, learn, seed, *VARIANTS[name])
        threshold = choose_threshold(validation.y[:, 0], predict(validation.X), 0.01, 0.95).value
        numbers = measure(there, predict(there.X), threshold)
        rows.append({"variant": name, "venue": venue, "seed": seed, "robots": int(there.y[:, 1].sum())} | numbers)
        write_json(args.output, {"filters": args.filters, "rows": rows})
    print(another_venue.table(rows, VARIANTS, numbers, args.venues))


if __name__ == "__main__":
    sys.exit(run_main(main))
