"""The pages for newcomers are true: their programs and commands run as they are printed."""

import json
import re
import subprocess
import sys

from common.datasets.patch_file import read_patches
from tests.dataset_tools.annotations import scenes
from tests.tiny import ROOT, environment

PAGE = (ROOT / "dataset_tools" / "Readme.md").read_text(encoding="utf-8")
ANNOTATO, PATCH_FILE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.search(r"## Your own pictures.*?```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()


def run(*command, folder=ROOT):
    words = [sys.executable if word == "python" else str(word) for word in command]
    ended = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_reader_of_another_format_cuts_patches(tmp_path):
    assert len(ANNOTATO.splitlines()) < 60
    script = tmp_path / "annotato.py"
    script.write_text(ANNOTATO, encoding="utf-8")
    folder = scenes.write_pictures(tmp_path / "field")
    for name, boxes in scenes.SCENES.items():
        width, height = scenes.SIZE
        items = [
            {"points": [[right / width, top / height], [left / width, bottom / height]], "class": kind.title()}
            for kind, left, top, right, bottom in boxes
        ]
        (folder / name).with_suffix(".json").write_text(json.dumps(items))
    told = run("python", script, folder, "--output", tmp_path / "out", "--jobs", 1)
    assert re.search(r"48 patches, 2 archives: \d+ ball, 32 no ball", told)


def test_the_example_of_a_patch_file_runs(tmp_path):
    assert len(PATCH_FILE.splitlines()) <= 15
    (tmp_path / "own.py").write_text(PATCH_FILE, encoding="utf-8")
    assert run("python", "own.py", folder=tmp_path) == "100\n"
    assert read_patches(tmp_path / "own_patches.h5", "classification").recording[-1] == "game 3"


def test_five_commands_lead_from_an_export_to_a_model(tmp_path):
    assert len(COMMANDS) == 5
    names = {
        f"game{game}-{frame:03d}.png": [("ball", 60 + 20 * game, 80, 90 + 20 * game, 110)]
        for game in range(8)
        for frame in range(6)
    }
    pictures = scenes.write_pictures(tmp_path / "pictures", names)
    export = scenes.label_studio(tmp_path, names)
    folder = ROOT
    for line in COMMANDS:
        if line.startswith("cd "):
            folder = (folder / line.split()[1]).resolve()
            assert folder.is_dir()
            continue
        line = line.replace("export.json", str(export)).replace("~/pictures", str(pictures))
        line = line.replace("../../patches", "patches").replace("--output patches", f"--output {tmp_path / 'patches'}")
        line = re.sub(r"--naoth patches", f"--naoth {tmp_path / 'patches'}", line)
        line = re.sub(r"(../)+own", str(tmp_path / "own"), line)
        more = []
        if "train.py" in line:
            more = ["--epochs", "1", "--output-dir", tmp_path / "runs", "--tracking", "local"]
        elif "create_datasets" in line:
            more = ["--max-leaks", "1", "--no-keep-linked"]  # all games show one drawn ball
        run(*line.split(), *more, folder=folder)
    assert list((tmp_path / "runs").glob("*/model.keras"))
