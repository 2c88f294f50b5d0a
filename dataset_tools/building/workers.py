"""Spreads tasks over processes. The results are in the order of the tasks, whatever the number of processes."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

from common.cli.stop_request import STOPS, uninterrupted
from common.errors import UserError

KEPT = 16 << 20  # bytes; more than a decoded picture and all its copies take
AHEAD = 3  # tasks queued per process, so that no process waits and results do not pile up
# Processes are forked from a small server that has imported these modules. A fork of this process, which has threads,
# may deadlock, and importing everything in every process would take half a second per process.
CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = ["dataset_tools.building.subsample_chunk", "dataset_tools.building.write_families"]

Map = Callable[[Callable, Iterable[tuple]], Iterator]


def warm_up(jobs: int) -> None:
    """Starts the server, which imports its modules while this process continues.

    On Ctrl-C, a terminal sends SIGINT to the whole process group; `timeout` does the same with SIGTERM. The server
    inherits a mask that blocks both signals; otherwise, a signal during an import would end it with a traceback.
    """
    if jobs > 1:
        CONTEXT.set_forkserver_preload(PRELOADED)
        resource_tracker.ensure_running()  # called before signals are masked, because this call unmasks them
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def workers(jobs: int) -> Iterator[Map]:
    """Yields a function that calls a given function for each task, in `jobs` processes, and yields results in order.

    Each task is a tuple of arguments. New tasks are taken as results are consumed. If `jobs` is 1, only this process is
    used.

    Raises:
        UserError: a process died, usually because memory ran out.
    """
    if jobs == 1:
        keep_memory()
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    warm_up(jobs)
    with ProcessPoolExecutor(jobs, CONTEXT, initializer=_begin) as pool:
        try:
            yield lambda function, tasks: _in_order(pool, function, tasks, AHEAD * jobs)
        except BrokenProcessPool:
            raise UserError("a worker process died, possibly because memory ran out. Try fewer --jobs.") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin() -> None:
    """Initialises a worker: signals to the process group no longer reach it, and it ends if its parent is killed.

    If SIGTERM ended a worker while it was sending a result, half of the result would stay in the pipe, and the parent
    would wait for the rest forever. The pool itself needs SIGTERM to end the other workers after one worker has died.
    """
    keep_memory()
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def keep_memory() -> None:
    """Makes glibc keep freed memory, because freeing 2 MB after every picture and allocating it again takes time.

    glibc returns freed blocks to the system only above a threshold. Freeing a large block raises this threshold to the
    size of that block (see M_MMAP_THRESHOLD in mallopt(3)), so this function allocates and frees one large block.
    """
    bytes(KEPT)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _in_order(pool: ProcessPoolExecutor, function: Callable, tasks: Iterable[tuple], ahead: int) -> Iterator:
    waiting: deque = deque()
    for task in tasks:
        with uninterrupted():  # an interrupted `submit` would lose processes that are just starting
            waiting.append(pool.submit(function, *task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
