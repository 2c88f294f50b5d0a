"""Measures how fast pictures are cut into patches, compared with only decoding the same pictures.

Run `python benchmarks/picture_cutting.py FOLDER...` with annotated folders that `dataset_tools.cut` reads. Each folder
is measured alone, then all of them together, with the default options of `dataset_tools.cut`. Cutting includes writing
the archives. Cutting and decoding alternate and use the same number of processes; the best of several rounds counts.
`--jobs 1` measures CPU time, which other work on the machine hardly affects.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from dataset_tools.building.workers import workers
from dataset_tools.cutting import archives
from dataset_tools.cutting.cut_one_picture import Plan, of_records
from dataset_tools.cutting.cut_pictures import CHUNK
from dataset_tools.cutting.options import Geometry, Settings
from dataset_tools.cutting.record_store import RecordStore


def decode(records: list[Record]) -> int:
    """Decodes pictures and returns the number of their pixels."""
    return sum(picture.read(record).width for record in records)


def measure(found: list[Record], spread: Callable, archive: Path, arguments: argparse.Namespace) -> str:
    """Measures how many pictures per second are decoded and cut; returns a string with both speeds and their ratio."""
    store = RecordStore(io.BytesIO())
    for record in found:
        store.add(record, "top", "")
    plan = Plan(Geometry(), store.diameters(), Settings.seed)
    found = (found * -(-arguments.pictures // len(found)))[: arguments.pictures]
    parts = [found[at : at + CHUNK] for at in range(0, len(found), CHUNK)]
    tasks = [([(record, "top", Settings.max_per_picture) for record in part], plan) for part in parts]

    def cut() -> None:
        results = (patches for part in spread(of_records, tasks) for patches in part)
        archives.write(archive, ((patches.name, file) for patches in results for file in patches.files))

    clock = time.process_time if arguments.jobs == 1 else time.perf_counter
    runs = {"decoding": lambda: list(spread(decode, [(part,) for part in parts])), "cutting": cut}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            start = clock()
            run()
            best[name] = min(best[name], clock() - start)
    speeds = ", ".join(f"{name} {len(found) / seconds:.0f} pictures/s" for name, seconds in best.items())
    return f"{speeds}; cutting reaches {best['decoding'] / best['cutting']:.0%} of the throughput of decoding"


def main() -> None:
    """Prints a line for each folder, and a line for all folders together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--pictures", type=int, default=400, help="repeat the pictures to reach this number (400)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pictures = {}
    for folder in arguments.folders:
        items = recognise.records(recognise.recognise(folder), Classes())
        pictures[str(folder)] = [item for item in items if isinstance(item, Record)]
    if len(pictures) > 1:
        pictures["all together"] = [record for found in pictures.values() for record in found]
    with TemporaryDirectory() as folder, workers(arguments.jobs) as spread:
        archive = Path(folder) / "top" / "patches.zip"
        for name, found in pictures.items():
            print(f"{name} ({len(found)} pictures): {measure(found, spread, archive, arguments)}", flush=True)


if __name__ == "__main__":
    main()
