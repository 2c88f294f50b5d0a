"""Ends a run or `export.py`: writes the files, model.json and the model card, and tracks their numbers."""

from common import tracking
from common.runs.run_folder import tracked_files
from robot_export import card, model_json
from robot_export.export_job import Job
from robot_export.make_and_check import deliver
from robot_export.model_json import Manifest

WEAKEST, SLICES = 4, 200  # rows of each kind (recordings, cameras, brightnesses) on the card and on the page


def publish_run(run, history, job: Job) -> None:
    """Ends a run: writes model.json, the files and the card to its folder, and tracks all numbers.

    The manifest with only model.keras is written first, so if the export fails, only the export is lost.
    A stopped run writes only this manifest; after a resume, it exports at its end.

    Args:
        run: common.runs.run_folder.RunFolder. history: common.training.epoch_loop.History.

    Raises:
        UserError: as in `deliver`, after everything else has been recorded.
    """
    export = "none" if run.stop() else job.manifest.options["export"]
    manifest = publish(job, export="none")
    try:
        if export != "none":
            manifest = publish(job, export=export)
            print(card.summary(manifest))
    finally:
        project, numbers = job.project, {split: result["metrics"] for split, result in job.results.items()}
        run.tracked.describe(card.head(manifest, project.purpose, project.table(numbers)))
        few = {split: _chosen(found, project.tracked[split]) for split, found in numbers.items()}
        run.record_results(few, history, tracked_facts(manifest))


def publish(job: Job, export: str = "all") -> Manifest:
    """Makes the files, writes model.json and, unless `export` is "none", the card; returns the manifest."""
    manifest = deliver(job, export)
    model_json.write(job.folder, manifest)
    if export != "none":
        split = "test" if "test" in job.results else "validation"
        groups = job.results[split]["groups"]
        weak, slices = (split + "\n" + job.project.group_table(groups, n).strip("\n") for n in (WEAKEST, SLICES))
        pictures = [(f"{split}_{kind}.png", f"{words}, {split}") for kind, words in job.project.pictures]
        pictures.insert(len(pictures) - 1, ("training_curves.png", "the numbers of every epoch"))  # before the heat map
        findings = card.Findings(
            purpose=job.project.purpose,
            numbers=job.project.table({split: result["metrics"] for split, result in job.results.items()}),
            weak=weak,
            slices=slices,
            pictures=pictures,
            notes=job.results[split].get("notes", ()),
        )
        card.write_card(job.folder, manifest, findings)
    if later := tracking.add_files(job.folder, tracked_files(job.folder)):  # for a run that has already ended
        print(later)
    return manifest


def tracked_facts(manifest: Manifest) -> dict[str, float]:
    """The numbers in model.json for comparing runs on a server; the numbers of each format stay in model.json."""
    facts = {name: manifest.cost[name] for name in ("parameters", "multiply_accumulates")}
    if manifest.threshold:
        facts["threshold"] = manifest.trained_threshold
    if "cpp" in manifest.formats and (times := manifest.formats["cpp"].latency_us):
        facts["latency_us"] = times["median"]
    return facts | {"rejected_formats": sum(file.accepted is False for file in manifest.formats.values())}


def _chosen(numbers: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    return {name: numbers[name] for name in names if name in numbers}
