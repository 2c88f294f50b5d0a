"""Does what a newcomer does: stops a first run, resumes it with the printed command or by name, and exports it."""

import json
import re
import signal
import subprocess
import sys

import pytest

from .tiny import ROOT, classification_file, detection_file, environment, program

SMALL = ("--filters", "4", "--dense", "8", "--tracking", "local", "--export", "none", "--run-name", "mine")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Returns the folder and the output of a run that was stopped with Ctrl-C."""
    folder = tmp_path_factory.mktemp("first")
    files = [
        "--data-train",
        classification_file(folder / "a.h5"),
        "--data-val",
        classification_file(folder / "b.h5", seed=1),
    ]
    arguments = [*files, *SMALL, "--epochs", "300", "--output-dir", folder / "runs"]
    with subprocess.Popen(
        [sys.executable, ROOT / "classifier_cnn/train.py", *map(str, arguments)],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        while not list(folder.glob("runs/*/checkpoint.npz")):
            assert process.poll() is None, process.stdout.read()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[0]
    assert process.returncode == 130, said
    (run,) = (path.parent for path in folder.glob("runs/*/config.json"))
    return run, said


def shell(line: str, folder):
    ended = subprocess.run(
        line, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_the_last_printed_line_resumes_the_run_and_a_finished_run_is_exported_with_its_own_data(stopped):
    run, said = stopped
    last = said.strip().splitlines()[-1]
    line = last.partition("Resume it with: ")[2]
    assert line.endswith(f"--resume runs/{run.name}")
    shell(line, run.parents[1])
    assert json.loads((run / "model.json").read_text())["status"] == "finished"
    again = program("classifier_cnn.train", "--resume", "mine", "--output-dir", run.parent)
    assert again.returncode == 0
    assert f"note: the run is {run.name}" in again.stderr
    assert re.search(r"and cannot be extended: .*\n.*--init \S*model\.keras", again.stdout)
    exported = program("classifier_cnn.export", run)
    assert exported.returncode == 0, exported.stderr
    assert (run / "model_uint8.tflite").exists()
    assert json.loads((run / "model.json").read_text())["status"] == "finished"
    classification_file(run.parents[1] / "b.h5", seed=7)
    changed = program("classifier_cnn.export", run)
    assert changed.returncode == 2
    assert "the patches that this run recorded have changed (validation)" in changed.stderr


def test_the_tools_of_the_classifier_recognise_a_detector(tmp_path):
    from detector_cnn_ball_radius_center.model import build_model

    build_model((16, 16, 1), (4, 4, 4, 4), 8, False, [0.4], [0.3, 0.5, 0.5]).save(tmp_path / "model.keras")
    told = program("classifier_cnn.evaluate", tmp_path / "model.keras", classification_file(tmp_path / "a.h5"))
    assert told.returncode == 2
    assert "Received: a detector; use the tools in detector_cnn_ball_radius_center" in told.stderr
    file = detection_file(tmp_path / "d.h5")
    told = program(
        "detector_cnn_ball_radius_center.evaluate", tmp_path / "model.keras", file, "--output-dir", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
