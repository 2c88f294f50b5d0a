"""The programs and commands on the pages for newcomers run as printed."""

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


def test_patches_are_cut_with_the_example_reader_of_another_format(tmp_path):
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


def test_the_commands_train_a_model_from_an_export(tmp_path):
    assert len(COMMANDS) <= 5
    names = {
        f"game{game}-{frame:03d}.png": [("ball", 60 + 20 * game, 80, 90 + 20 * game, 110)]
        for game in range(8)
        for frame in range(6)
    }
    scenes.write_pictures(tmp_path / "pictures", names)
    scenes.label_studio(tmp_path, names)
    for line in COMMANDS:
        more = ""
        if "train.py" in line:
            more = "--epochs 1 --output-dir runs"
        elif "create_datasets" in line:
            more = "--max-leaks 1 --no-keep-linked"  # the pictures of all games show the same drawn ball
        line = line.replace("python3 ", f"{sys.executable} {ROOT}/").replace("~", ".")
        run("bash", "-c", f"{line} {more}", folder=tmp_path)
    assert list(tmp_path.glob("sheets/*_sheet.png"))
    assert list(tmp_path.glob("runs/*/model.keras"))
