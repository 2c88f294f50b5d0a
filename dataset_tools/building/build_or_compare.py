"""The code shared by both create_datasets.py files: reads the command line, builds or compares, prints the results."""

from collections import Counter

from common.cli.printable import printable
from dataset_tools.building.options import parse_args
from dataset_tools.building.workers import warm_up


def create(task: str, argv: list[str] | None = None) -> int:
    """Builds the families of a task, or compares them with published ones.

    Returns:
        Exit status: 0, or 1 if any combination failed or differs.

    Raises:
        UserError: wrong arguments, or nothing to build from.
    """
    settings = parse_args(task, argv)
    if settings.check_published is None:
        # The workers start while the next line imports its modules, which takes just as long.
        warm_up(settings.jobs)
    from dataset_tools.building import build, compare_published

    if settings.check_published is None:
        outcomes, bad = build.build(settings), ("failed",)
    else:
        outcomes, bad = compare_published.compare(settings), ("differs", "missing", "failed")
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    for outcome in outcomes:
        print(f"{outcome.name:{width}}  {outcome.status:7}  {printable(outcome.note)}")
    counts = Counter(outcome.status for outcome in outcomes)
    print(f"{task}: " + ", ".join(f"{number} {status}" for status, number in sorted(counts.items())))
    return 1 if any(outcome.status in bad for outcome in outcomes) else 0
