"""Tests the rules for retrying a run."""

import pytest

from grid_search import retries
from grid_search.fork_server import MAY_PASS
from grid_search.plan import Run
from grid_search.run_progress import Progress


@pytest.mark.parametrize(
    ("status", "tries", "expected", "cause"),
    [
        (2, 1, "failed", "bad input"),
        (MAY_PASS, 1, "waiting", "an error"),
        (MAY_PASS, retries.TRIES, "failed", "an error"),
        (-9, 1, "waiting", "killed by signal 9"),
        (1, 1, "waiting", "exit status 1"),
    ],
)
def test_a_failure_is_tried_again_unless_the_input_is_bad(tmp_path, status, tries, expected, cause):
    log = tmp_path / "000.log"
    log.write_text("--- 12:00 on here: seed 0\nerror: what was wrong\n")
    run = Progress(Run(0, {}, "run", {}), "running", tries=tries)
    retries.after_failure(run, status, log)
    assert (run.status, run.reason) == (expected, f"{cause}: error: what was wrong")


def test_losing_a_slot_does_not_count_as_a_try_but_losing_three_fails_the_run():
    run = Progress(Run(0, {}, "run", {}), "running", tries=1)
    for expected in ("waiting", "waiting", "failed"):
        retries.after_loss(run, "its node is gone")
        assert run.status == expected
    assert run.reason == "its node is gone"
