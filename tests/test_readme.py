"""The README is true: its page for a new project runs, its links lead somewhere, its commands exist."""

import json
import re
import subprocess
import sys

from .tiny import ROOT, classification_file, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_for_a_new_project_trains(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.splitlines()) < 66  # a page
    script = tmp_path / "my_cnn.py"
    script.write_text(code, encoding="utf-8")
    files = ["--data-train", classification_file(tmp_path / "a.h5"), "--output-dir", tmp_path / "runs"]
    ended = subprocess.run(
        [sys.executable, script, *files, "--tracking", "local", "--epochs", "3"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "There is no validation file" in ended.stderr
    (folder,) = (path.parent for path in (tmp_path / "runs").glob("*/model.keras"))
    assert len((folder / "metrics.csv").read_text().splitlines()) == 4
    assert json.loads((folder / "config.json").read_text())["project"] == "my_cnn"


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/Readme.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)  # a C++ lambda is no link
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", text):
            link = "".join(target)
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) - {"alone"} <= targets
