"""The last step of a run and of `export.py`: writes the files, model.json and the model card, and logs the metrics."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common import tracking
from common.runs.run_folder import tracked_files
from robot_export import card
from robot_export.export_job import Job
from robot_export.make_and_check import deliver
from robot_export.model_json import Manifest


def finish_run(run, history, job: Job) -> None:
    """Finishes a run: writes model.json, the files and the card to the run folder, and tracks all metrics.

    A model.json that lists only model.keras is written first. So if the export fails, only the export is lost.
    A run that was stopped writes only this model.json. Such a run is exported when it is resumed and finishes.
    run: common.runs.run_folder.RunFolder. history: common.training.epochs_and_checkpoints.History.

    Raises:
        UserError: the same errors as in `deliver`, but only after everything else has been recorded.
    """
    export = "none" if run.stop() else job.source.manifest.options["export"]
    manifest = write_files(job, export="none")
    try:
        if export != "none":
            manifest = write_files(job, export=export)
            print(card.summary(manifest))
    finally:
        run.tracked.describe(card.head(job, manifest))
        chosen = {
            split: {name: result["metrics"][name] for name in job.project.tracked[split] if name in result["metrics"]}
            for split, result in job.results.items()
        }
        run.record_results(chosen, history, tracked_facts(manifest))


def finish_export(job: Job, manifest: Manifest, evaluate: Callable[[Path], dict]) -> None:
    """Finishes an export: writes all files to the job's folder, completes `manifest`, and prints where the files are.

    evaluate: (folder for new pictures) -> results; the pictures are moved to the job's folder with the other files.
    """

    def evaluated(folder: Path) -> Job:
        results = evaluate(folder)
        metrics = {split: result["metrics"] for split, result in results.items()}
        return replace(job, source=replace(job.source, manifest=replace(manifest, metrics=metrics)), results=results)

    print(card.summary(write_files(job, prepare=evaluated)))
    print(f"files, model.json and model card: {job.folder}")


def write_files(job: Job, **how) -> Manifest:
    """Creates the files, model.json and the card, and adds them to the tracked run if the run has already ended.

    how: the arguments `export` and `prepare` of `deliver`.
    """
    manifest = deliver(job, **how)
    if later := tracking.add_files(job.folder, tracked_files(job.folder)):
        print(later)
    return manifest


def tracked_facts(manifest: Manifest) -> dict[str, float]:
    """Selects the values from model.json that are useful for comparing runs on a tracking server."""
    facts = {name: manifest.cost[name] for name in ("parameters", "multiply_accumulates")}
    if manifest.threshold:
        facts["threshold"] = manifest.trained_threshold
    if "cpp" in manifest.formats and (times := manifest.formats["cpp"].latency_us):
        facts["latency_us"] = times["median"]
    return facts | {"rejected_formats": sum(file.accepted is False for file in manifest.formats.values())}
