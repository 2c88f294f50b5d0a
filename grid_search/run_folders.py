"""Finds the folder of a run, reads its metrics, and copies the folder to and from other nodes."""

import csv
import math
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from common.runs.finished import is_finished
from grid_search.plan import Plan, Run

# A change in a folder: (path inside the folder, offset, content to write). Only the new lines of a journal are sent.
Change = tuple[str, int, bytes]


def find_folder(plan: Plan, run: Run) -> Path | None:
    """Returns the folder of a run; if there are several, the one with the most epochs."""
    found = [path for path in _folders(plan, f"{run.index:03}") if (path / "config.json").is_file()]
    return max(found, key=lambda path: (is_finished(path), len(read_rows(path)), path.name), default=None)


def remove_empty_folders(plan: Plan) -> None:
    """Removes the folders of runs that were killed before they wrote their settings and so cannot be resumed."""
    for path in _folders(plan, r"\d{3,}"):
        if not (path / "config.json").is_file():
            shutil.rmtree(path, ignore_errors=True)


def _folders(plan: Plan, index: str) -> list[Path]:
    """Returns the folders of the run with this index: their names end (or formerly began) with `mark`."""
    mark = re.compile(rf"_(.*-)?{plan.name[-8:]}-{index}(-\d+|_.*)?")
    found = plan.folder.parent.glob(f"*{plan.name[-8:]}-*")
    return sorted(path for path in found if path.is_dir() and mark.fullmatch(path.name[path.name.find("_") :]))


def read_rows(folder: Path) -> list[dict[str, float]]:
    """Reads the metrics of each epoch from metrics.csv; ignores an incomplete last line."""
    try:
        lines = (folder / "metrics.csv").read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        return []
    rows = []
    with suppress(csv.Error):
        for row in csv.DictReader(line for line in lines if line.endswith("\n")):
            with suppress(TypeError, ValueError):
                numbers = {name: float(value) for name, value in row.items()}
                rows.append({name: value for name, value in numbers.items() if math.isfinite(value)})
    return rows


def changes(folder: Path, seen: dict[str, tuple[int, int]]) -> list[Change]:
    """Returns the changes in a folder since the last call with the same `seen`, and updates `seen`.

    Temporary files (their names start with a dot), locks and records about servers are not copied. The checkpoint
    comes before metrics.csv and the journal, so these two may be ahead of it but never behind. model.json comes last,
    because it shows that a run is finished.
    """
    found = []
    for path in sorted(folder.rglob("*"), key=lambda path: (path.name == "model.json", path)):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".lock" or path.name.startswith(".") or "servers/" in name or not path.is_file():
            continue
        stat = path.stat()
        mark, before = (stat.st_size, stat.st_mtime_ns), seen.get(name, (0, 0))
        if mark == before:
            continue
        offset = before[0] if path.suffix == ".jsonl" and stat.st_size >= before[0] else 0
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(stat.st_size - offset)
        # If the lengths differ, a shorter file has just replaced this one; the next call sends it.
        if offset + len(content) == stat.st_size:
            found.append((name, offset, content))
            seen[name] = mark
    return found


def apply(folder: Path, received: Iterable[Change]) -> None:
    """Applies changes to a folder; whole files are replaced atomically."""
    for name, offset, content in received:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jsonl":
            with path.open("r+b" if path.exists() else "wb") as file:
                file.seek(offset)
                file.write(content)
                file.truncate()
        else:
            partial = path.with_name(f".{path.name}.part")
            partial.write_bytes(content)
            partial.replace(path)
