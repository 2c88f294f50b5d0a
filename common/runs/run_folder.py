"""Writes the folder and the record of a run: settings at the start, metrics per epoch, a status at the end."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common import provenance, tracking
from common.archive.checksums import sha256_of
from common.atomic_files import new_folder, replacing, write_json
from common.cli.find_run import read_config, resume_command, training_script
from common.cli.launch import ROOT
from common.cli.stop_request import StopRequest
from common.cli.terminal import outlasting_terminal
from common.cli.training_options import TrainingOptions
from common.datasets.families import short_name
from common.datasets.load import Splits
from common.errors import UserError
from common.runs.plots import training_curves
from common.training import safe_keras_file

TRACKED = (".json", ".csv", ".png", ".md", ".html", ".tflite", ".onnx", ".h", ".h5", ".keras")


@dataclass
class RunFolder:
    """The folder of one run. stop: whether a signal asked the run to end. provenance: the run's code and machine."""

    path: Path
    tracked: tracking.Run
    stop: StopRequest
    provenance: dict[str, str]

    def epoch(self, number: int, numbers: dict[str, float]) -> None:
        """Records the metrics of an epoch (from 0) in metrics.csv and in the journal; both count epochs from 1."""
        header = ",".join(["epoch", *numbers]) + "\n"
        row = ",".join([str(number + 1), *(f"{value:.8g}" for value in numbers.values())]) + "\n"
        with (self.path / "metrics.csv").open("ab+") as file:
            file.seek(0)
            earlier = sum(map(len, file.readlines()[: number + 1])) if number else 0
            file.truncate(earlier)  # a resumed run repeats the epochs after its last checkpoint
            file.write((row if number else header + row).encode())
        curves = {  # MLflow shows a section for each prefix
            f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"training/{name}": value
            for name, value in numbers.items()
            if name != "epoch_seconds"
        }
        self.tracked.metrics(curves, step=number + 1)

    def save_model(self, model, history) -> None:
        """Saves model.keras and the curves of all epochs."""
        with replacing(self.path / "model.keras") as new:
            safe_keras_file.save(model, new)
        self.tracked.artifact(self.path / "model.keras")
        title = f"epochs: {len(history.epochs)}; the weights of epoch {history.best + 1} were kept"
        names = (name.removeprefix("val_") for name in history.epochs[-1])
        panels = [name for name in dict.fromkeys(names) if name not in ("patches_per_second", "epoch_seconds")]
        training_curves(self.path / "training_curves.png", history.epochs, panels, title, history.best)

    def record_results(self, numbers: dict[str, dict[str, float]], history, facts: Mapping[str, float] = {}) -> None:
        """Records the final metrics, the best epoch, and all files that are not yet tracked.

        On MLflow, `training/` and `validation/` contain only curves. Therefore, the final validation metrics and the
        metrics of the best epoch are recorded in `validation_final/`.

        Args:
            numbers: {split: {name: metric}}. facts: metrics of the model that belong to no split.
            history: common.training.epochs_and_checkpoints.History.
        """
        kept = {name: value for name, value in history.epochs[history.best].items() if name.startswith("val_")}
        final = {f"validation_final/{name.removeprefix('val_')}": value for name, value in kept.items()}
        for split, values in numbers.items():
            section = "validation_final" if split == "validation" else split
            final |= {f"{section}/{name}": value for name, value in values.items()}
        final |= {"best_epoch": history.best + 1, **facts}
        self.tracked.metrics(final, step=0)  # at step 0, MLflow draws single values as bars; at other steps, as dots
        for path in tracked_files(self.path):
            self.tracked.artifact(path)


def tracked_files(folder: Path) -> list[Path]:
    """Returns the sorted paths of the files in a run's folder that are sent to its tracking servers."""
    found = (path for path in folder.iterdir() if path.suffix in TRACKED and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def remove_leftovers(folder: Path) -> None:
    """Removes unfinished files left by a killed process; only the process with the run's lock writes to the folder."""
    for pattern in (".*.part", ".*.keras"):
        for path in folder.glob(pattern):
            with suppress(OSError):  # a folder whose name matches is left alone
                path.unlink()


@contextmanager
def open_run(project: str, options: TrainingOptions, splits: Splits, server) -> Iterator[RunFolder]:
    """Creates the run's folder (or opens it if the run is resumed), starts tracking, and records the status at the end.

    The status is FINISHED, KILLED if a signal asked the run to stop, or FAILED after an error.

    Raises:
        UserError: the data of a resumed run has changed, or the folder cannot be written to.
    """
    digests = {split: part.digest for split, part in splits.parts.items()}
    if options.init:  # a checkpoint lacks some values that this model provides, such as the mean
        digests["init"] = sha256_of(options.init)
    name, facts = run_name(options, splits), provenance.provenance()
    if options.resume:
        path = Path(options.resume)
        _check_same_data(path, digests)
    else:
        safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:100]
        path = new_folder(options.output_dir / f"{datetime.now():%Y%m%d-%H%M%S}_{safe}").resolve()  # sorted by time
        config = {"project": project, "name": name, "options": options.as_json(), "datasets": digests}
        config |= {"substituted": splits.substituted, "provenance": facts}
        write_json(path / "config.json", config)  # written first, so that a killed run can be resumed
    begun, is_child = tracking.begun(path), "BALL_PARENT_RUN" in os.environ  # a grid resumes its runs itself
    with outlasting_terminal(), StopRequest() as stop:
        info = tracking.RunInfo(
            experiment=options.experiment or project,
            name=name,
            parameters=options.as_json(),
            tags={"project": project, "dataset": splits.name, "synthetic_fallback": splits.substituted, **facts},
            parent=os.environ.get("BALL_PARENT_RUN"),
            source=f"{project}/train.py" if (ROOT / project / "train.py").is_file() else project,
        )
        run = RunFolder(path, tracking.start(path, server, info, resume=begun), stop, facts)
        status = "FAILED"
        try:
            remove_leftovers(path)
            if not begun:
                run.tracked.artifact(path / "config.json")
            for split, part in splits.parts.items():
                context = "training" if split == "train" else split
                source = {"digest": digests[split], "source": splits.origin[split]}
                run.tracked.dataset(splits.names[split], **source, context=context, patches=len(part))
            yield run
            status = "KILLED" if stop() else "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            print(run.tracked.finish(status))
            if status == "KILLED" and not is_child:
                script = training_script(project) or Path(sys.argv[0]).resolve()
                print(f"Stopped. Resume it with: {resume_command(script, path)}")


def run_name(options: TrainingOptions, splits: Splits) -> str:
    """Returns the run's name: --run-name with {dataset} filled in, or by default `8-8-16-16 d64 combined 16x16`."""
    dataset = "SYNTHETIC-FALLBACK" if splits.substituted else short_name(splits.name)
    name = options.run_name or f"{'-'.join(map(str, options.filters))} d{options.dense} {{dataset}}"
    return f"{'dry-run ' if options.dry_run and not options.run_name else ''}{name.replace('{dataset}', dataset)}"


def _check_same_data(path: Path, digests: dict[str, str]) -> None:
    config = read_config(path)
    before = config["datasets"]
    if config["options"].get("init"):  # older runs have no such entry
        before.setdefault("init", digests.get("init"))
    changed = [split for split in before.keys() | digests.keys() if before.get(split) != digests.get(split)]
    if changed:
        raise UserError(
            f"The data of this run has changed ({', '.join(sorted(changed))}); resuming would mix old and new data. "
            f"Received: {path}. Start a new run."
        )
