"""The README is correct: its example of a new project runs, its links work and its make targets exist."""

import json
import re
import subprocess
import sys

import pytest

from .tiny import ROOT, classification_file, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(folder):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.splitlines()) < 85  # it must fit on a page
    script = folder / "my_cnn.py"
    script.write_text(code, encoding="utf-8")
    return script


def run(script, *arguments):
    settings = environment()
    settings.pop("TF_CPP_MIN_LOG_LEVEL", None)  # the program must print no log lines even without this variable
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, env=settings, check=False
    )


def test_the_script_on_the_page_for_a_new_project_trains(tmp_path):
    script, output = page(tmp_path), ("--output-dir", tmp_path / "runs")
    files = ["--data-train", classification_file(tmp_path / "a.h5"), "--tracking", "local"]
    ended = run(script, *files, *output, "--kernel", "5")  # as in the first line of the page, but without --epochs
    assert ended.returncode == 0, ended.stderr
    assert "There is no validation file" in ended.stderr
    shown = [line for line in re.split("[\r\n]+", ended.stderr) if not line.startswith(("note: ", "training: "))]
    assert not "".join(shown).strip()  # no log lines from TensorFlow
    (folder,) = (path.parent for path in (tmp_path / "runs").glob("*/model.keras"))
    rows = (folder / "metrics.csv").read_text()
    assert len(rows.splitlines()) == 21
    config = json.loads((folder / "config.json").read_text())
    assert (config["project"], config["name"], config["options"]["kernel"]) == ("my_cnn", "my_cnn a", 5)
    assert config["provenance"]["dirty"] == "true"  # the script is not committed
    journal = (folder / "tracking/journal.jsonl").read_bytes()
    again = run(script, "--resume", folder.name, *output)
    assert again.returncode == 0, again.stderr
    assert "and cannot be extended" in again.stdout
    assert (folder / "tracking/journal.jsonl").read_bytes() == journal


def test_the_page_lists_datasets_and_offers_only_options_that_it_uses(tmp_path):
    script = page(tmp_path)
    listed = run(script, "--list-datasets", "--offline", "--data-root", tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "(default)" in listed.stdout
    told = run(script, "--help").stdout
    assert "--kernel" in told
    for option in ("--filters", "--dense", "--export", "--init", "--augment"):
        assert option not in told
        assert run(script, option, "1").returncode == 2


def test_the_page_has_what_a_grid_needs(tmp_path, monkeypatch):
    from grid_search.plan import find_module

    page(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_module("my_cnn").parse_args(["--kernel", "5"]).kernel == 5


@pytest.mark.slow
def test_the_script_on_the_page_runs_in_a_grid(tmp_path):
    page(tmp_path)
    files = [
        "--data-train",
        classification_file(tmp_path / "a.h5"),
        "--data-val",
        classification_file(tmp_path / "b.h5"),
    ]
    arguments = ["my_cnn", "--kernel", "3", "5", "--", *files, "--tracking", "local", "--epochs", "2"]
    ended = subprocess.run(
        [sys.executable, ROOT / "grid_search", *arguments, "--output-dir", tmp_path / "runs"],
        capture_output=True, text=True, env=environment() | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    kernels = [json.loads(path.read_text())["options"]["kernel"] for path in (tmp_path / "runs").glob("*/config.json")]
    assert sorted(kernels) == [3, 5]
    assert len(list((tmp_path / "runs").glob("*_my_cnn-kernel-*"))) == 2
    assert len(list((tmp_path / "runs").glob("*/model.keras"))) == 2


def test_links_work():
    for page in [ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/Readme.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)  # a C++ lambda is not a link
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", text):
            link = "".join(target)
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_named_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) - {"alone"} <= targets
