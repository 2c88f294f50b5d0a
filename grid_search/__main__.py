"""Trains every combination of some options: in parallel, resumable, on one machine or a Ray cluster."""

import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("keras") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), "-m", "grid_search", *sys.argv[1:]])  # noqa: S606  no environment is active

from common.cli.program import run_main  # noqa: E402
from common.cli.terminal import outlasting_terminal  # noqa: E402
from grid_search import ray_environment  # noqa: E402
from grid_search.options import output_dir, parse_args  # noqa: E402


@outlasting_terminal()
def main(argv: list[str] | None = None) -> int:
    """Checks, plans, trains, reports; returns the exit status."""
    options = parse_args(sys.argv[1:] if argv is None else argv)
    from grid_search.plan import latest_plan, make_plan, read_plan

    if options.report:
        from grid_search.report import write_report

        if options.module:
            plan = read_plan(make_plan(options)[0].folder, options.metric)
        else:
            plan = latest_plan(output_dir(options), options.metric)
        print(write_report(plan))
        return 0
    plan, checked = make_plan(options)
    address = ray_environment.head_node(options.address)
    ray_environment.prepare(address)
    from grid_search.grid import run  # late: Ray reads its environment on import

    return run(plan, checked, options, address)


if __name__ == "__main__":
    sys.exit(run_main(main))
