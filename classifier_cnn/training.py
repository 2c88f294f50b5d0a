"""Trains the classifier: builds the network, fits it, evaluates it and writes the files."""

import dataclasses
import sys

from classifier_cnn import metrics
from classifier_cnn.augmentation import make_augmentation
from classifier_cnn.exporting import TARGET, project
from classifier_cnn.loss import make_loss
from classifier_cnn.model import build_model
from classifier_cnn.options import PATCHES_SEEN, PROJECT, Options
from classifier_cnn.report import report
from classifier_cnn.robustness import sheet
from classifier_cnn.summary import table
from classifier_cnn.threshold import choose_threshold
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
        draw_augmentation(run, trainer, splits.train)
        history = fit(trainer, validate, run.path, run.epoch, run.stop)
        if history.best is None:
            print("Stopped in the first epoch, before a model was saved; --resume starts over.")
        else:
            finish(run, options, splits, trainer.average, history)
    return run.stop.status


def build(options: Options, splits):
    """Returns the network and the updated options. The network is loaded if --init is given; otherwise, it is new."""
    X = splits.train.X
    options = dataclasses.replace(options, epochs=options.epochs or default_epochs(len(X), PATCHES_SEEN))
    if options.init:
        model, settings = load_initial(options.init, X.shape[1:], 1, options.regularize)
        return model, dataclasses.replace(options, **settings)
    mean = options.mean or splits.train.channel_means / 255
    return build_model(X.shape[1:], options.filters, options.dense, options.regularize, mean), options


def prepare(model, options: Options, splits):
    """Returns the trainer, and the function that scores the network on the validation split after every epoch."""
    settings = Settings.of(options, len(splits.train))
    augment = make_augmentation(options.seed) if options.augment else None
    data = training_data(splits.train, settings.batch_size)
    trainer = Trainer(model, data, make_loss(options.positive_weight), augment, settings, head="logit")
    predict = make_predictor(trainer.average)

    def validate() -> dict[str, float]:
        numbers = metrics.evaluate(splits.validation.y, predict(splits.validation.X), threshold=0.5)
        names = {"log_loss": "val_loss", "auroc": "val_auroc", "recall_at_fpr_0.01": "val_recall_at_fpr_0.01"}
        return {name: numbers[key] for key, name in names.items() if key in numbers}

    return trainer, validate


def finish(run, options: Options, splits, model, history) -> None:
    """Saves the model, chooses its threshold on validation, evaluates it once on test, and prints the results."""
    run.save_model(model, history)  # the first step, so that the model is not lost if a later step fails
    predict = make_predictor(model)
    judged = {split: part for split, part in splits.parts.items() if split != "train"}
    scores = {split: predict(part.X)[:, 0] for split, part in judged.items()}
    limit = options.max_fpr, options.confidence
    chosen = choose_threshold(splits.validation.y, scores["validation"], *limit, splits.validation.side)
    results = {
        split: report(run.path, metrics.Scored(part, scores[split], chosen.value, split), confidence=options.confidence)
        for split, part in judged.items()
    }
    if options.export == "all":  # a grid usually exports only the Keras model
        last = list(judged)[-1]
        sheet(run.path, results[last], predict, judged[last], chosen.value, last)
    if chosen.false_positive_bound is not None:
        results["validation"]["metrics"]["false_positive_bound"] = chosen.false_positive_bound
    numbers = {split: result["metrics"] for split, result in results.items()}
    write_json(run.path / "evaluation.json", results)
    print(table(numbers))
    known = {"target": TARGET, "threshold": {"keras": chosen.value}, "threshold_choice": vars(chosen)}
    manifest = describe_run(model, options, splits, run, project=PROJECT, metrics=numbers, **known)
    source = Source(model, manifest, splits.train.X, splits.validation, scores["validation"][:, None])
    about = project(*limit)
    finish_run(run, history, Job(run.path, source, about, results, options.robot, options.accept_sampling))
    if chosen.warning:
        print(f"warning: {chosen.warning}", file=sys.stderr)
    print(f"threshold {chosen.value:.6g}, {chosen.promise}\n{chosen.sides}")
    print(f"model, numbers and pictures: {run.path}")
