"""Runs every benchmark with its smallest settings, to detect changes that break a benchmark."""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from common.datasets.families import DEFAULT_STEMS, parse_stem
from dataset_tools.synthetic import render_files

from ..dataset_tools.annotations import scenes
from ..robot_export.jobs import deliver_run
from ..tiny import ROOT, classification_file, environment

SCRIPTS = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
ELSEWHERE = {  # benchmarks that have no command below, with the reason
    **dict.fromkeys(("classifier_cross_validation", "detector_cross_validation"), "test_cross_validation.py runs it"),
    "planted_labels": "test_planted_labels.py runs it",
    **dict.fromkeys(("gpu_throughput", "training_methods", "whole_command"), "train_throughput.py runs it"),
}
FEW = "--data-root data --filters 4 --dense 8 --epochs 1"
SPEED = "--project classifier_cnn --patches 300 --evaluation 200 --rounds 1"
COMMANDS = {  # command: a pattern that must match its output
    f"another_venue --venues game0 --seeds 2 {FEW}": r"auroc +half synthetic +[\d.]+  [+-]",
    "cpp_header --rounds 1": r"L native many +[\d.]+",
    "dataset_creation --jobs 1 memory naoth . --patches 40 80": r"MB for a million",
    "dataset_creation --jobs 1 speed naoth": r"all 12 families, 1 jobs \| [\d,]+ \|",
    "export_time --patches 100 --rounds 1": r"all formats with parity on 100 patches: [\d.]+ s",
    "grid --epochs 1 --data-root data --filters 4 --dense 8 16": r"wall +[\d.]+ +[\d.]+",
    "int16_header --networks S --rounds 1": r"us native\n +S 16x16 +[\d.]+",
    f"mining_round --seeds 1 {FEW}": r"1 seeds in \d+ s",
    "picture_cutting pictures pictures/../pictures --pictures 4 --jobs 1": r"all together .*; cutting reaches \d+%",
    "picture_search model pictures --training train.h5 --jobs 1": r"4 pictures, 4 balls, [\d.]+ pictures per second",
    "robot_targets --naoth naoth --filters 4 4 4 4 --epochs 1 --seeds 1": r"auroc +robots where labelled +[\d.]+",
    "tracking_overhead --seconds 2 --block 2 --epochs 20 --faults none": r"none +\d+ ms",
    "train_throughput gpu --only CPU --patches 300": r"CPU, one thread, batch 128 +[\d.]+ s per epoch",
    "train_throughput plot --output swept.json": r"train_throughput\.png",
    f"threshold_confidence --draws 3 --folds 2 {FEW}": r"recordings +3,000 +0\.95 +[\d.]+%",
    f"train_throughput command {SPEED}": r'"memory_by_data": [\d.]+',
    f"train_throughput speed {SPEED}": r'"two side by side": [\d.]+',
    f"train_throughput stream {SPEED}": r"'patches': 1200, .*'way': '--stream'",
    f"train_throughput sweep {SPEED}": r"'filters': \[16, 16, 32, 32\], .*'compiled': \d+",
    "whole_pixel_labels pictures --copies 4 --folds 2 --epochs 1 --seeds 1": r"px +\d+(?: +[\d.]+){3} +[+-]\d",
}


def naoth_logs(folder) -> None:
    """Writes logs of two venues and two cameras.

    Each log has 40 patches of noise, labelled as balls, robots or neither.
    """
    rng = np.random.default_rng(0)
    for number, name in enumerate(("top/cuda_1", "bottom/cuda_2", "top/saba_1", "bottom/saba_2")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for patch in range(40):
                text, content = PngImagePlugin.PngInfo(), io.BytesIO()
                for key, there in (("ball", patch % 3 == 0), ("robot", patch % 3 == 1)):
                    text.add_text(f"{key}_intersect", str(0.9 * there))
                Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(content, "PNG", pnginfo=text)
                archive.writestr(f"{number}_{patch}.png", content.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Creates a working folder: a family, a small synthetic dataset, logs, annotated pictures and a model."""
    folder = tmp_path_factory.mktemp("benchmarks")
    family = parse_stem(DEFAULT_STEMS["classification"], "classification")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render_files, "_render", lambda *_: None)
        files = render_files.synthetic_files("classification", folder / "data")
    for seed, (split, path) in enumerate(files.items()):
        (folder / "data" / family.file(split)).parent.mkdir(parents=True, exist_ok=True)
        classification_file(folder / "data" / family.file(split), 600, seed)
        classification_file(path, 200, seed + 3)
    naoth_logs(folder / "naoth")
    scenes.yolo(scenes.write_pictures(folder / "pictures"))
    deliver_run(folder / "model")
    classification_file(folder / "train.h5", 60)
    row = {"filters": [4, 4, 8, 8], "batch_size": 128, "compiled": 2.0, "textbook": 1.0}
    (folder / "swept.json").write_text(json.dumps({"classifier_cnn": {"sweep": {"result": [row]}}}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_benchmark_runs_and_prints_its_result(command, folder):
    script, *arguments = command.split()
    if "_header" in script and not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    path, settings = ROOT / "benchmarks" / f"{script}.py", environment()
    words = [path]
    if f"-m benchmarks.{script}" in path.read_text(encoding="utf-8"):  # its docstring says to run it as a module
        words, settings["PYTHONPATH"] = ["-m", f"benchmarks.{script}"], str(ROOT)
    whole = [sys.executable, *words, *arguments]
    ended = subprocess.run(whole, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-3000:]
    assert re.search(COMMANDS[command], ended.stdout), ended.stdout[-1000:]


def test_every_benchmark_is_run():
    assert {command.split()[0] for command in COMMANDS} | set(ELSEWHERE) == SCRIPTS
