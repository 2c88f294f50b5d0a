"""Trains the detector: where in the patch is the ball, and how large?

python train.py --loss huber
python -m detector_cnn_ball_radius_center.train --dataset synthetic --tracking local
"""

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("keras") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), *sys.argv])  # noqa: S606  no environment is active: use the repository's

from common.cli import launch  # noqa: E402
from common.cli.program import run_main  # noqa: E402
from detector_cnn_ball_radius_center.options import Options, parse_args  # noqa: E402

PROJECT = "detector_cnn_ball_radius_center"
TASK = "detection"


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    options = parse_args(argv)
    if options.list_datasets:
        from common.datasets.listing import list_datasets

        print(list_datasets(TASK, options.data_root, options.archive_url, options.offline))
        return 0
    return train(options)


def load_data(options: Options):
    """The patches of one training, a common.datasets.load.Splits; rendered ones where they stand in."""
    from common.datasets.load import load_splits
    from dataset_tools.synthetic import synthetic_files

    return load_splits(TASK, options, synthetic_files)


def train(options: Options) -> int:
    """Data, network, fit, evaluation, files: one training from start to end.

    Returns:
        0, or 128 + the number of the signal that stopped it.

    Raises:
        UserError: an option, a file or a server that cannot be used, or a loss that is not finite.
    """
    launch.switch_off()
    from common import tracking
    from common.runs.augmentation_sheet import draw_augmentation
    from common.runs.run_folder import already_finished, open_run
    from common.training import devices
    from common.training.fit import fit
    from detector_cnn_ball_radius_center.plots import draw_target

    if already_finished(options):
        return 0
    server = tracking.choose_server(options.tracking, options.output_dir, require=options.require_tracking)
    print(server.words)
    if options.require_gpu:  # before a gigabyte is fetched for nothing
        devices.usable_gpus(require=True)
    splits = load_data(options)
    devices.prepare(options.seed, options.threads, options.require_gpu)
    model, options = build(options, splits)
    with open_run(PROJECT, options, splits, server) as run:
        trainer, validate = prepare(model, options, splits)
        draw_augmentation(run, trainer, splits.train, draw_target)
        history = fit(trainer, validate, run.path, run.epoch, run.stop)
        if history.best is None:
            print("Stopped within the first epoch: there is no model yet, --resume starts it over.")
        else:
            finish(run, options, splits, trainer.average, history)
    return run.stop.status


def build(options: Options, splits):
    """The network that starts at the training data's means, or the one of --init; and the options that came of it."""
    from common.training.saved_model import load_initial
    from common.training.trainer import default_epochs
    from detector_cnn_ball_radius_center.data import PATCHES_SEEN
    from detector_cnn_ball_radius_center.model import build_model

    X, y = splits.train.X, splits.train.y
    options = dataclasses.replace(options, epochs=options.epochs or default_epochs(len(X), PATCHES_SEEN))
    if options.init:
        model, settings = load_initial(options.init, X.shape[1:], 3, options.regularize)
        return model, dataclasses.replace(options, **settings)
    mean = splits.train.channel_means / 255
    return build_model(X.shape[1:], options.filters, options.dense, options.regularize, mean, y.mean(0)), options


def prepare(model, options: Options, splits):
    """What trains the network, and what scores it on the validation split after every epoch."""
    import numpy as np

    from common.training.predict import make_predictor
    from common.training.trainer import Settings, Trainer, training_data
    from detector_cnn_ball_radius_center import metrics
    from detector_cnn_ball_radius_center.data import make_augmentation
    from detector_cnn_ball_radius_center.model import make_loss

    settings = Settings.of(options, len(splits.train))
    augment = make_augmentation(options.seed) if options.augment else None
    loss = make_loss(options.loss)
    data = training_data(splits.train, settings.batch_size)
    trainer = Trainer(model, data, loss, augment, settings, head="circle")
    predict = make_predictor(trainer.average)

    def validate() -> dict[str, float]:
        y, circles = splits.validation.y, predict(splits.validation.X)
        numbers = {"val_loss": float(np.mean(loss(y, circles)))}
        found = metrics.evaluate(y, circles, splits.validation.X.shape[2])
        return numbers | {f"val_{name}": found[name] for name in ("mean_iou", "median_center_error_px")}

    return trainer, validate


def finish(run, options: Options, splits, model, history) -> None:
    """Saves the model, evaluates it on validation and, where there is one, once on test; says what came out."""
    from common.training.predict import make_predictor
    from detector_cnn_ball_radius_center.evaluate import report
    from detector_cnn_ball_radius_center.export import TARGET, project
    from detector_cnn_ball_radius_center.summary import table
    from robot_export.delivery import Evidence, publish_run
    from robot_export.description import describe_model

    run.save_model(model, history)  # first: whatever fails below, the night's result is there
    predict = make_predictor(model)
    mean_circle = splits.train.y.mean(0).tolist()
    judged = {split: part for split, part in splits.parts.items() if split != "train"}
    circles = {split: predict(part.X) for split, part in judged.items()}
    results = {split: report(run.path, part, circles[split], mean_circle, split) for split, part in judged.items()}
    numbers = {split: result["metrics"] for split, result in results.items()}
    more = {"target": TARGET | {"mean": mean_circle}, "metrics": numbers}
    run.write_json("evaluation.json", results)
    print(table(numbers))
    description = describe_model(model, PROJECT, options, splits, run, **more)
    evidence = Evidence(splits.train.X, splits.validation, circles["validation"])
    publish_run(run, history, model, description, evidence, project(splits.validation.X.shape[2]), results)
    print(f"model, numbers and pictures: {run.path}")


if __name__ == "__main__":
    sys.exit(run_main(main))
