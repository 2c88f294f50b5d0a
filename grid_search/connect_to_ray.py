"""Connects a grid to Ray: to a private cluster on this machine, or to one that the user chose."""

import hashlib
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray
import ray._private.utils
import ray._private.worker

import psutil  # isort: skip - part of Ray, found only after Ray is imported

from common.cli.stop_request import uninterrupted
from common.errors import UserError
from grid_search.cluster_address import LOCAL

OBJECT_STORE_BYTES = 80_000_000  # for the results of slots, a few hundred kilobytes each
STARTS = 5  # how often to try; Ray waits 15 s for its own processes, and a busy machine may need longer
SOCKET_PATH = 103  # maximum length of a Unix socket's path on macOS, in bytes; on Linux it is 107
RAY_NEEDS = len("/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")


@contextmanager
def connected(address: str, grid: Path) -> Iterator[None]:
    """Joins the cluster at `address`, or starts a private one on loopback, until the block ends.

    Args:
        address: from `cluster_address.head_node`; call `ray_environment.prepare` before Ray is imported.
        grid: the grid's folder. A private cluster's sockets and logs are in a folder named after it, which is emptied.

    Raises:
        UserError: no cluster answers at the address, or no folder has a short enough path.
    """
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # it prints a lot if a node dies
    ray._private.utils.set_sigterm_handler = lambda _: None  # in this process: its handler would end it without a line
    settings = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        settings |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        for left in reversed(range(STARTS)):
            if address == LOCAL:
                settings["_temp_dir"] = str(_folder(grid))
            try:
                with uninterrupted():  # an interrupt would be lost in a fork, or crash Ray
                    ray.init(address, **settings)
                break
            except Exception as error:  # Ray raises many kinds of exceptions, even plain Exception
                ray.shutdown()
                if not left or "timed out during startup" not in str(error):
                    words = str(error).strip().splitlines()[0][:200]
                    raise UserError(f"Ray cannot be used: {words} Received: {address}.") from None
                print("Ray did not start in time because this machine is busy; trying again", flush=True)
        yield
    finally:  # this takes a second or two; signals are ignored meanwhile
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        ray.shutdown()
        shutil.rmtree(_path(grid), ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _folder(grid: Path) -> Path:
    """Makes an empty folder for a private cluster; kills processes of a failed start (their commands name it)."""
    path = _path(grid)
    with suppress(psutil.Error, OSError):
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if f"{path}/session_" in " ".join(process.cmdline()):
                    process.kill()
    shutil.rmtree(path, ignore_errors=True)
    return path


def _path(grid: Path) -> Path:
    """Returns a path with a hash of the grid's whole path, as two output folders may have grids of the same name."""
    name = f"grid-{hashlib.sha256(os.fsencode(grid.resolve())).hexdigest()[:8]}"
    return short_folder(len(name) + 1 + RAY_NEEDS, otherwise=grid.parent) / name


def short_folder(room: int, otherwise: Path | None = None) -> Path:
    """Returns a folder whose path is short enough to add `room` bytes for the path of a Unix socket inside it.

    This is RAY_TMPDIR if it is set, else the system's temporary folder (a long path on macOS), /tmp, or `otherwise`.

    Raises:
        UserError: the paths of all these folders are too long.
    """
    bases = [os.environ.get("RAY_TMPDIR")]
    if not bases[0]:
        with suppress(FileNotFoundError):
            bases.append(tempfile.gettempdir())
        bases += ["/tmp", otherwise]  # noqa: S108 - the files in it have unique names
    bases = [Path(base).absolute() for base in bases if base]
    for base in bases:
        if len(os.fsencode(base)) + 1 + room <= SOCKET_PATH and (base == otherwise or os.access(base, os.W_OK)):
            return base
    raise UserError(
        f"Unix sockets need a folder with a path of at most {SOCKET_PATH - room - 1} characters. "
        f"Received: {bases[-1]}. Choose a shorter one: RAY_TMPDIR=/some/folder."
    )
