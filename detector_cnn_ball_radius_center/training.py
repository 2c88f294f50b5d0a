"""Trains the detector: builds the network, fits it, evaluates it and writes the files."""

import dataclasses

import numpy as np

from common.atomic_files import write_json
from common.cli.training_options import default_epochs
from common.datasets.load import Splits
from common.runs.augmentation_sheet import draw_augmentation
from common.runs.run_folder import open_run
from common.tracking import Server
from common.training import devices_and_seeds
from common.training.batches import training_data
from common.training.epochs_and_checkpoints import fit
from common.training.load_model import load_initial
from common.training.predictor import make_predictor
from common.training.trainer import Settings, Trainer
from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.augmentation import make_augmentation
from detector_cnn_ball_radius_center.exporting import TARGET, project
from detector_cnn_ball_radius_center.loss import make_loss
from detector_cnn_ball_radius_center.model import build_model
from detector_cnn_ball_radius_center.options import PATCHES_SEEN, PROJECT, Options
from detector_cnn_ball_radius_center.plots import draw_target
from detector_cnn_ball_radius_center.report import report
from detector_cnn_ball_radius_center.robustness import sheet
from detector_cnn_ball_radius_center.summary import table
from robot_export.export_job import Job, Source
from robot_export.fill_model_json import describe_run
from robot_export.finish_export import finish_run


def train(options: Options, splits: Splits, server: Server) -> int:
    """Trains a network on the data of a run: builds, fits and evaluates it, and writes the files.

    Returns:
        0, or 128 + the number of the signal that stopped the run.

    Raises:
        UserError: an option cannot be used with these patches, or the loss is not finite.
    """
    devices_and_seeds.prepare(options.seed, options.threads, options.require_gpu)
    model, options = build(options, splits)
    with open_run(PROJECT, options, splits, server) as run:
        trainer, validate = prepare(model, options, splits)
        draw_augmentation(run, trainer, splits.train, draw_target)
        history = fit(trainer, validate, run.path, run.epoch, run.stop)
        if history.best is None:
            print("Stopped in the first epoch, before a model was saved; --resume starts over.")
        else:
            finish(run, options, splits, trainer.average, history)
    return run.stop.status


def build(options: Options, splits):
    """Returns the network and the updated options.

    If --init is given, the network is loaded. Otherwise, a new network is built with the means of the training data.
    """
    X, y = splits.train.X, splits.train.y
    options = dataclasses.replace(options, epochs=options.epochs or default_epochs(len(X), PATCHES_SEEN))
    if options.init:
        model, settings = load_initial(options.init, X.shape[1:], 3, options.regularize)
        return model, dataclasses.replace(options, **settings)
    mean = options.mean or splits.train.channel_means / 255
    return build_model(X.shape[1:], options.filters, options.dense, options.regularize, mean, y.mean(0)), options


def prepare(model, options: Options, splits):
    """Returns the trainer, and the function that scores the network on the validation split after every epoch."""
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
    """Saves the model, evaluates it on the validation split and once on any test split, and prints the results."""
    run.save_model(model, history)  # this is the first step, so that the model is not lost if a later step fails
    predict = make_predictor(model)
    mean_circle = splits.train.y.mean(0).tolist()
    judged = {split: part for split, part in splits.parts.items() if split != "train"}
    circles = {split: predict(part.X) for split, part in judged.items()}
    results = {split: report(run.path, part, circles[split], mean_circle, split) for split, part in judged.items()}
    if options.export == "all":  # a grid usually exports only the Keras model
        last = list(judged)[-1]
        sheet(run.path, results[last], predict, judged[last], last)
    numbers = {split: result["metrics"] for split, result in results.items()}
    target = TARGET | {"mean": mean_circle}
    write_json(run.path / "evaluation.json", results)
    print(table(numbers))
    manifest = describe_run(model, options, splits, run, project=PROJECT, target=target, metrics=numbers)
    source = Source(model, manifest, splits.train.X, splits.validation, circles["validation"])
    about = project(splits.validation.X.shape[2])
    finish_run(run, history, Job(run.path, source, about, results, options.robot, options.accept_sampling))
    print(f"model, numbers and pictures: {run.path}")
