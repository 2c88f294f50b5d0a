"""Trains the classifier: is it a ball?

python train.py --filters 8 --dense 32
python -m classifier_cnn.train --dataset synthetic --tracking local
"""

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("keras") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), *sys.argv])  # noqa: S606  no environment is active: use the repository's

from classifier_cnn.options import Options, parse_args  # noqa: E402
from common.cli import launch  # noqa: E402
from common.cli.program import run_main  # noqa: E402

PROJECT = "classifier_cnn"
TASK = "classification"


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
        draw_augmentation(run, trainer, splits.train)
        history = fit(trainer, validate, run.path, run.epoch, run.stop)
        if history.best is None:
            print("Stopped within the first epoch: there is no model yet, --resume starts it over.")
        else:
            finish(run, options, splits, trainer.average, history)
    return run.stop.status


def build(options: Options, splits):
    """The network on the training data's mean, or the one of --init; and the options that came of it."""
    from classifier_cnn.data import PATCHES_SEEN
    from classifier_cnn.model import build_model
    from common.training.saved_model import load_initial
    from common.training.trainer import default_epochs

    X = splits.train.X
    options = dataclasses.replace(options, epochs=options.epochs or default_epochs(len(X), PATCHES_SEEN))
    if options.init:
        model, settings = load_initial(options.init, X.shape[1:], 1, options.regularize)
        return model, dataclasses.replace(options, **settings)
    mean = splits.train.channel_means / 255
    return build_model(X.shape[1:], options.filters, options.dense, options.regularize, mean), options


def prepare(model, options: Options, splits):
    """What trains the network, and what scores it on the validation split after every epoch."""
    from classifier_cnn import metrics
    from classifier_cnn.data import make_augmentation
    from classifier_cnn.model import make_loss
    from common.training.predict import make_predictor
    from common.training.trainer import Settings, Trainer, training_data

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
    """Saves the model, chooses its threshold on validation, evaluates it once on test, and says what came out."""
    from classifier_cnn import metrics
    from classifier_cnn.evaluate import report
    from classifier_cnn.export import TARGET, project
    from classifier_cnn.summary import table
    from common.training.predict import make_predictor
    from robot_export.delivery import Evidence, publish_run
    from robot_export.description import describe_model

    run.save_model(model, history)  # first: whatever fails below, the night's result is there
    predict = make_predictor(model)
    judged = {split: part for split, part in splits.parts.items() if split != "train"}
    scores = {split: predict(part.X)[:, 0] for split, part in judged.items()}
    chosen = metrics.choose_threshold(splits.validation.y, scores["validation"], options.max_fpr)
    results = {split: report(run.path, part, scores[split], chosen.value, split) for split, part in judged.items()}
    numbers = {split: result["metrics"] for split, result in results.items()}
    more = {
        "target": TARGET,
        "threshold": {"keras": chosen.value},
        "threshold_choice": vars(chosen),
        "metrics": numbers,
    }
    run.write_json("evaluation.json", results)
    print(table(numbers))
    description = describe_model(model, PROJECT, options, splits, run, **more)
    evidence = Evidence(splits.train.X, splits.validation, scores["validation"][:, None])
    publish_run(run, history, model, description, evidence, project(options.max_fpr), results)
    if chosen.warning:
        print(f"warning: {chosen.warning}", file=sys.stderr)
    print(f"threshold {chosen.value:.6g}, chosen on validation for at most {options.max_fpr:.2%} false positives")
    print(f"model, numbers and pictures: {run.path}")


if __name__ == "__main__":
    sys.exit(run_main(main))
