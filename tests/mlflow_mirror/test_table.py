"""Every row of the fault tables in the docs names an existing test."""

import re
import subprocess
import sys

from ..tiny import ROOT

FOLDERS = ("tests/common/tracking", "tests/mlflow_mirror")
ROW = re.compile(
    r"^\| (?P<fault>.+?) \| (?P<injected>.+?) \| (?P<lost>.+?) \| (?P<file>test_\w+\.py) \| `(?P<name>[^`]+)` \|$", re.M
)


def test_every_row_names_an_existing_test():
    """Names are matched as in `pytest -k NAME`; for `A or B`, both tests must exist."""
    rows = list(ROW.finditer((ROOT / "docs" / "reliability.md").read_text()))
    assert len(rows) > 20
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *FOLDERS]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.lower()
    for row in rows:
        tests = [line for line in collected.splitlines() if f"/{row['file']}::" in line]
        for name in row["name"].split(" or "):
            assert any(name.lower() in test.split("::")[1] for test in tests), row[0]
