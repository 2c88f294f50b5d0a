"""Why a run failed, or lost its place, in a few words."""

from pathlib import Path

from grid_search import cluster
from grid_search.fork_server import MAY_PASS
from grid_search.run_status import Place


def why_lost(place: Place, error) -> str:
    """What took a slot away, by the error of Ray that says so."""
    if type(error).__name__ == "ActorUnavailableError":  # Ray needs half a minute to call a node dead
        return "its node does not answer"
    gone = place.about is not None and place.about["node"] not in cluster.nodes()
    return "its node is gone" if gone else "its slot was killed"


def cause(status: int) -> str:
    """What an exit status means (negative: the signal)."""
    if status < 0:
        return f"killed by signal {-status}"
    return {2: "bad input", MAY_PASS: "an error"}.get(status, f"exit status {status}")


def last_lines(log: Path, count: int = 3) -> str:
    """What a run said last, on one line; of a traceback, which is in its log, only the end."""
    far = log.with_suffix(".far.log")
    text = "".join(path.read_text(errors="replace") for path in (log, far) if path.exists())
    lines = [line.split("\r")[-1].rstrip() for line in text.rpartition("\n--- ")[2].splitlines()]
    aside = (" ", "Traceback", "Not yet on ", "Tracked: ")
    told = [line for line in lines[1:] if line and "%|" not in line and not line.startswith(aside)]
    return " | ".join(told[-count:]) or "it printed nothing"


def first_line(error) -> str:
    """An error without its traceback."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
