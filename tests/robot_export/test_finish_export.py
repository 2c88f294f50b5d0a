"""Tests the end of a run and of `export.py`: tracked metrics, and files that appear together or not at all."""

import dataclasses
import json
import resource
from types import SimpleNamespace

import pytest

from common import tracking
from common.errors import UserError
from common.runs.run_folder import RunFolder
from common.tracking import journal
from robot_export.finish_export import finish_export, finish_run, tracked_facts
from robot_export.formats import CHOICES
from robot_export.make_and_check import deliver

from .jobs import make_job

HISTORY = SimpleNamespace(epochs=[{"loss": 1.0, "val_loss": 0.5}, {"loss": 0.9, "val_loss": 0.75}], best=0)


def stop(asked: bool):
    return lambda: asked


def run_of(folder, export: str, stopped: bool = False):
    """Makes a run that is tracked on an unreachable server, and its export job with the results of both splits."""
    job = make_job(folder, "classifier")
    given = job.source.manifest
    source = dataclasses.replace(job.source, manifest=dataclasses.replace(given, options={"export": export}))
    numbers = {"recall": 0.5, "auroc": 0.875, "unknown": 3.0}
    results = {split: {"metrics": numbers, "groups": []} for split in ("validation", "test")}
    server = tracking.Server("http://127.0.0.1:9", "", "http://127.0.0.1:9")  # no server listens there
    tracked = tracking.start(folder, server, tracking.RunInfo("e", "n", parent="grid"))  # a grid mirrors its runs
    run = RunFolder(folder, tracked, stop(stopped), {"commit": "none"})
    return run, dataclasses.replace(job, source=source, results=results)


def recorded(folder) -> tuple[dict, str]:
    """Returns the last value of every metric in a run's journal, and the run's description."""
    records = [record for _, record in journal.read(folder)]
    metrics = {name: value for record in records for name, value in record.get("values", {}).items()}
    return metrics, json.dumps(records)


@pytest.mark.parametrize(("export", "stopped"), [("onnx", False), ("none", False), ("onnx", True)])
def test_the_end_of_a_run(tmp_path, monkeypatch, capsys, export, stopped):
    """A stopped run exports nothing until it is resumed and finishes."""
    monkeypatch.setitem(CHOICES, "onnx", ("keras", "onnx"))
    run, job = run_of(tmp_path, export, stopped)
    finish_run(run, HISTORY, job)
    run.tracked.finish("FINISHED")
    exported = export != "none" and not stopped
    told = json.loads((tmp_path / "model.json").read_text())
    assert set(told["forms"]) == {"keras", *(["onnx"] if exported else [])}
    assert (tmp_path / "README.md").exists() == exported
    assert ("model.onnx" in capsys.readouterr().out) == exported
    metrics, text = recorded(tmp_path)
    assert (metrics["validation_final/recall"], metrics["test/recall"], metrics["best_epoch"]) == (0.5, 0.5, 1)
    assert metrics["threshold"] == told["threshold"]["keras"]
    assert metrics["rejected_formats"] == 0
    assert not [name for name in metrics if "unknown" in name]
    assert "Project `classifier_cnn`" in text  # the description
    assert ("model.onnx" in text) == exported


def test_a_failed_export_leaves_a_complete_run(tmp_path):
    run, job = run_of(tmp_path, "all")
    with pytest.raises(UserError, match=r"--robot hulks: .* takes 32x32 patches"):
        finish_run(run, HISTORY, dataclasses.replace(job, robots=("hulks",)))
    run.tracked.finish("FAILED")
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model.json", "tracking"}
    metrics, text = recorded(tmp_path)
    assert metrics["validation_final/recall"] == 0.5
    assert "Project `classifier_cnn`" in text


def test_the_numbers_for_comparing_runs(classifier, detector):
    told = classifier[2]
    facts = tracked_facts(told)
    assert facts == {
        "parameters": told.cost["parameters"],
        "multiply_accumulates": told.cost["multiply_accumulates"],
        "threshold": told.trained_threshold,
        "latency_us": told.formats["cpp"].latency_us["median"],
        "rejected_formats": sum(file.accepted is False for file in told.formats.values()),
    }
    assert "threshold" not in tracked_facts(detector[2])
    formats = {
        name: dataclasses.replace(file, accepted=accepted, latency_us=None)
        for (name, file), accepted in zip(told.formats.items(), (True, False, False, None), strict=False)
    }
    facts = tracked_facts(dataclasses.replace(told, formats=formats | {"cpp": formats["uint8"]}))
    assert facts["rejected_formats"] == 2  # formats that were not run do not count as rejected
    assert "latency_us" not in facts


def test_if_the_disk_fills_up_at_the_last_file_the_earlier_export_stays(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "onnx"))
    job = make_job(tmp_path, "classifier")
    (tmp_path / "validation_curves.png").write_bytes(b"of the earlier export")
    deliver(job)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    large = dataclasses.replace(job.project, group_table=lambda rows, shown: "x" * 5_000 * shown)
    manifest = dataclasses.replace(job.source.manifest, threshold={"keras": 0.125})
    job = dataclasses.replace(job, project=large)

    def evaluate(folder):
        (folder / "validation_curves.png").write_bytes(b"new")
        return {"validation": {"metrics": {"recall": 0.5}, "groups": []}}

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, limits[1]))  # only report.html is larger than this limit
    try:
        with pytest.raises(UserError, match=rf"^{tmp_path}/report\.html cannot be written: File too large"):
            finish_export(job, manifest, evaluate)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    finish_export(job, manifest, evaluate)
    assert (tmp_path / "validation_curves.png").read_bytes() == b"new"
    assert json.loads((tmp_path / "model.json").read_text())["metrics"] == {"validation": {"recall": 0.5}}
    for file in ("model.json", "README.md", "report.html"):
        assert "0.125" in (tmp_path / file).read_text()
