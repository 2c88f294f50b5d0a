"""Processes that share the work; results come in the order of the tasks, whatever the number of processes."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from common.cli import UserError

AHEAD = 3  # tasks handed out per process, so that none waits and results do not pile up

Map = Callable[[Callable, Iterable[tuple]], Iterator]


@contextmanager
def workers(jobs: int) -> Iterator[Map]:
    """Yields a function (function, tasks) -> results in order, worked on by `jobs` processes; 1: in this one.

    Each task is a tuple of arguments. Tasks are taken as results leave.

    Raises:
        UserError: a process died, most often for want of memory.
    """
    if jobs == 1:
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may lock up
    quiet = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent alone
    with ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=quiet) as pool:
        try:
            yield lambda function, tasks: _in_order(pool, function, tasks, AHEAD * jobs)
        except BrokenProcessPool:
            raise UserError("a worker process died, perhaps for want of memory. Try fewer --jobs.") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _in_order(pool: ProcessPoolExecutor, function: Callable, tasks: Iterable[tuple], ahead: int) -> Iterator:
    waiting: deque = deque()
    for task in tasks:
        waiting.append(pool.submit(function, *task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
