"""Worker processes keep the order of tasks, reuse their memory and do not outlive their parent."""

import os
import platform
import signal
import subprocess
import sys

import pytest

from common.errors import UserError
from dataset_tools.building.workers import AHEAD, workers

FAULTS = """
import resource
from dataset_tools.building.workers import keep_memory
{begin}
def pictures(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        blocks = [bytearray(b"x" * 1_000_000) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pictures(3)
print(pictures(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries manage memory differently")
def test_the_memory_of_a_picture_is_reused_for_the_next():
    def faults(begin):
        found = subprocess.run([sys.executable, "-c", FAULTS.format(begin=begin)], stdout=subprocess.PIPE, check=True)
        return int(found.stdout)

    assert faults("keep_memory()") < 200 < faults("")


def group_of_worker(_):
    return os.getpgid(0), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_workers_ignore_signals_to_the_group_but_the_pool_can_end_them():
    with workers(2) as spread:
        for group, on_interrupt, masked in spread(group_of_worker, [(0,), (1,)]):
            assert group != os.getpgid(0)
            assert on_interrupt == signal.SIG_IGN
            assert not masked


def doubled(number):
    if number == 13:
        raise LookupError("thirteen")
    return 2 * number


@pytest.mark.parametrize("jobs", [1, 3])
def test_tasks_are_taken_as_needed_and_results_keep_their_order(jobs):
    taken = []

    def tasks():
        for number in range(40):
            taken.append(number)
            yield (number % 13,)

    with workers(jobs) as spread:
        results = spread(doubled, tasks())
        assert [next(results) for _ in range(5)] == [0, 2, 4, 6, 8]
        assert len(taken) <= 5 + AHEAD * jobs
        assert list(results) == [2 * (number % 13) for number in range(5, 40)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_task_is_raised_in_the_main_process(jobs):
    with pytest.raises(LookupError, match="thirteen"), workers(jobs) as spread:
        list(spread(doubled, ((number,) for number in range(20))))


def test_a_process_that_dies_is_reported_in_one_line():
    with pytest.raises(UserError, match="a worker process died"), workers(2) as spread:
        list(spread(os._exit, [(9,)]))
