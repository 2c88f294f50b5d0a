"""Measures how fast pictures are cut into patches, compared with only decoding the same pictures.

Both use the same number of processes, alternate, and the best of several rounds counts: run
`python benchmarks/picture_cutting.py FOLDER` with any annotated folder that `dataset_tools.cut` reads. `--jobs 1`
measures CPU time, which other work hardly changes, and excludes the cost of passing patches to the main process.
"""

import argparse
import time
from pathlib import Path

from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from dataset_tools.building.workers import workers
from dataset_tools.cutting.cut_one_picture import Plan, of_records
from dataset_tools.cutting.options import Geometry
from dataset_tools.cutting.place_patches import USUAL_DIAMETERS

CHUNK = 8


def decode(records: list[tuple[Record, str, int]]) -> int:
    """Decodes pictures and returns the number of their pixels."""
    return sum(picture.read(record).width for record, *_ in records)


def main() -> None:
    """Prints the pictures per second of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sources = recognise.recognise(arguments.folder)
    found = [item for item in recognise.records(sources, Classes()) if isinstance(item, Record)]
    found = (found * -(-arguments.pictures // len(found)))[: arguments.pictures]
    parts = [[(record, "top", 50) for record in found[at : at + CHUNK]] for at in range(0, len(found), CHUNK)]
    plan = Plan(Geometry(), USUAL_DIAMETERS, 0)
    clock = time.process_time if arguments.jobs == 1 else time.perf_counter
    best = {"decode": float("inf"), "cut": float("inf")}
    with workers(arguments.jobs) as spread:
        for _ in range(arguments.rounds):
            for name, function, tasks in (
                ("decode", decode, [(part,) for part in parts]),
                ("cut", of_records, [(part, plan) for part in parts]),
            ):
                start = clock()
                list(spread(function, tasks))
                best[name] = min(best[name], clock() - start)
    for name, seconds in best.items():
        print(f"{name:6} {len(found) / seconds:7.0f} pictures/s")
    print(f"cutting has {best['decode'] / best['cut']:.0%} of the throughput of decoding")


if __name__ == "__main__":
    main()
