"""Measures how labels in whole pixels affect the detector, compared with the fractional circles that cut.py writes.

Annotated pictures are shifted and shrunk at random, so that near balls become far balls whose circles are known to
within a fraction of a pixel. The pictures are cut into patches, and the circle in each patch is predicted by two
networks that were not trained on its picture. One network is trained on the exact circles, the other on circles whose
centre and radius are rounded to whole pixels of the shrunk picture. The predictions of both networks are compared with
the exact circles. The predictions of the first network are also compared with the rounded circles, because a team
without fractional labels would measure its error that way.

    .venv/bin/python benchmarks/whole_pixel_labels.py FOLDER --seeds 3

FOLDER is any annotated folder that cut.py reads; balls with a diameter of at least 40 pixels work best. Three
seeds take five minutes on one core.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
from PIL import Image
from sklearn.model_selection import GroupKFold

from common.cli.program import run_main
from common.datasets.patch_file import Patches, concatenate, read_patches
from common.runs.bootstrap import bootstrap_interval
from common.training import devices_and_seeds
from common.training.batches import MemoryData
from common.training.trainer import Settings, Trainer
from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.kinds import BALL
from dataset_tools.annotations.record import Record
from dataset_tools.suspects.folds_and_list import held_out_answers
from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.augmentation import make_augmentation
from detector_cnn_ball_radius_center.loss import make_loss
from detector_cnn_ball_radius_center.options import Options
from detector_cnn_ball_radius_center.training import build

ROOT = Path(__file__).resolve().parents[1]
DIAMETERS = {"below 12 px": 12, "12 to 18 px": 18, "18 to 26 px": 26, "26 px and more": np.inf}  # upper limits
MARGIN = 9  # maximum shift of a picture before it is shrunk, in pixels of the original picture


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, default=16, help="copies of each picture (%(default)s)")
    parser.add_argument("--shrink", type=float, nargs=2, default=[0.15, 0.6], help="range of factors (%(default)s)")
    parser.add_argument("--epochs", type=int, default=150, help="epochs per network (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="number of folds (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (%(default)s)")
    return parser.parse_args(argv)


def shrink(args: argparse.Namespace, folder: Path) -> Path:
    """Writes the shrunk pictures and a COCO file with the boxes of the balls; returns the path of this file.

    Each picture counts as a separate recording.
    """
    rng, images, boxes = np.random.default_rng(0), [], []
    found = recognise.records(recognise.recognise(args.folder), Classes())
    for number, record in enumerate(item for item in found if isinstance(item, Record)):
        image = picture.read(record)
        wide, high = image.width - MARGIN, image.height - MARGIN
        across, down = picture.scale(record, *image.size)
        for copy in range(args.copies):
            factor, left, top = rng.uniform(*args.shrink), *rng.uniform(0, MARGIN, 2)
            width, height = round(wide * factor), round(high * factor)
            x, y, name = width / wide, height / high, f"{number:03}-{copy:03}.png"
            section = (left, top, left + wide, top + high)
            image.resize((width, height), Image.Resampling.LANCZOS, box=section).save(folder / name)
            for box in (box for box in record.boxes if box.kind == BALL):
                edges = (box.left * across - left) * x, (box.top * down - top) * y
                size = (box.right - box.left) * across * x, (box.bottom - box.top) * down * y
                boxes.append({"id": len(boxes), "image_id": len(images), "category_id": 1, "bbox": [*edges, *size]})
            images.append({"id": len(images), "file_name": name, "width": width, "height": height})
    coco, names = folder / "boxes.json", [{"id": 1, "name": "ball"}]
    coco.write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}), encoding="utf-8")
    return coco


def patches_of(coco: Path, folder: Path) -> Patches:
    """Creates the patches of all splits with cut.py and create_datasets."""
    cut = ["cut.py", coco, "--output", folder / "patches", "--negatives", "0", "--per-ball", "6"]
    build_sets = ["ball_detection_datasets/create_datasets.py", "--naoth", folder / "patches", "--origins", "naoth"]
    build_sets += ["--output-dir", folder, "--max-leaks", "1", "--no-keep-linked"]
    for script, *options in (cut, build_sets):
        subprocess.run([sys.executable, ROOT / "dataset_tools" / script, *options], check=True)
    return concatenate([read_patches(path, "detection") for path in sorted(folder.glob("detection/**/*.h5"))])


def on_whole_pixels(patches: Patches) -> Patches:
    """Rounds the centre and radius of every circle to whole pixels of the camera picture."""
    side = patches.side[:, None]
    return replace(patches, y=np.round(patches.y * side) / side)


def answers(patches: Patches, args: argparse.Namespace, seed: int, change=lambda train: train) -> np.ndarray:
    """Predicts the circle of each patch, [n, 3], with a network that was not trained on its picture."""

    def make_trainer(train: Patches) -> Trainer:
        model, options = build(Options(epochs=args.epochs, seed=seed, threads=1), SimpleNamespace(train=train))
        data, settings = MemoryData(train.X, change(train).y), Settings.of(options, len(train))
        return Trainer(model, data, make_loss(options.loss), make_augmentation(seed), settings, head="circle")

    splitter = GroupKFold(args.folds, shuffle=True, random_state=0)
    return held_out_answers(patches, splitter, seed, make_trainer)


def errors(patches: Patches, circles: list[np.ndarray]) -> np.ndarray:
    """Computes the centre error of each patch in pixels of the network's input, averaged over the seeds."""
    return np.mean([metrics.center_errors(patches.y, found) for found in circles], 0) * patches.X.shape[2]


def main(argv=None) -> None:
    args = parse_args(argv)
    devices_and_seeds.prepare(0, threads=1)
    with TemporaryDirectory() as name:
        patches = patches_of(shrink(args, Path(name)), Path(name))
    seeds = range(args.seeds)
    circles = [answers(patches, args, seed) for seed in seeds]
    fractional, apparent = errors(patches, circles), errors(on_whole_pixels(patches), circles)
    whole = errors(patches, [answers(patches, args, seed, on_whole_pixels) for seed in seeds])
    number = np.digitize(2 * patches.y[:, 0] * patches.side, list(DIAMETERS.values())[:-1])
    print("mean centre error in pixels of the 16x16 patch, by the diameter of the balls in the picture")
    print(
        f"{'balls':>22} {'fractional':>11} {'scored on whole':>16} {'trained on whole':>17}  difference from fractional"
    )
    for place, name in enumerate(DIAMETERS):
        here = number == place
        if here.any():
            means = "{:11.3f} {:16.3f} {:17.3f}".format(
                *(np.mean(found[here]) for found in (fractional, apparent, whole))
            )
            grown = (whole - fractional)[here]
            low, high = bootstrap_interval(np.mean, grown, groups=patches.recording[here])
            print(f"{name:>15} {here.sum():6,} {means}   {grown.mean():+.3f} [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    sys.exit(run_main(main))
