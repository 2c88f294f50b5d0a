"""Starts a grid: one run for every combination of some options, in parallel and resumable."""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import run_main
from common.cli.terminal import outlasting_terminal
from grid_search import cluster_address, ray_environment
from grid_search.options import parse_args
from grid_search.plan import latest_grid, make_plan, read_plan


@outlasting_terminal()
def main(argv: list[str] | None = None) -> int:
    """Checks the options, plans and trains all runs, writes the report, and returns the exit status."""
    options = parse_args(sys.argv[1:] if argv is None else argv)
    if options.report:
        plan = read_plan(make_plan(options)[0].folder if options.module else latest_grid(options), options.metric)
        from grid_search.report import write_report  # imported late, because it imports SciPy; needs no Ray

        print(write_report(plan))
        return 0
    plan, checked = make_plan(options)
    address = cluster_address.head_node(options.address)
    ray_environment.prepare(address)
    from grid_search import run_grid  # imported late, because Ray reads its environment on import

    return run_grid.run(plan, checked, options, address)


if __name__ == "__main__":
    sys.exit(run_main(main))
