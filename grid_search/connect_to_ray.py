"""Connects a grid to Ray: to a private cluster on this machine, or to a cluster that the user chose."""

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

import psutil  # isort: skip - a part of Ray that can be imported only after Ray

from common.cli.stop_request import uninterrupted
from common.errors import UserError
from grid_search.cluster_address import LOCAL

OBJECT_STORE_BYTES = 80_000_000  # memory for the results of slots; each result takes a few hundred kilobytes
STARTS = 5  # number of attempts to start Ray; a busy machine may need longer than the 15 s that Ray waits
SOCKET_PATH = 103  # maximum length of a Unix socket's path on macOS, in bytes; on Linux it is 107
RAY_NEEDS = len("/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")


@contextmanager
def connected(address: str, grid: Path) -> Iterator[None]:
    """Joins the cluster at `address`, or starts a private cluster on loopback; disconnects when the block ends.

    Args:
        address: from `cluster_address.head_node`; call `ray_environment.prepare` before Ray is imported.
        grid: the grid's folder. A private cluster keeps its sockets and logs in a temporary folder, which is named
            after the grid's folder and is emptied first.

    Raises:
        UserError: no cluster answers at the address, or no folder has a short enough path.
    """
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # otherwise Ray prints a lot if a node dies
    # Ray's own handler would end this process without a message.
    ray._private.utils.set_sigterm_handler = lambda _: None
    settings = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        settings |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        for left in reversed(range(STARTS)):
            if address == LOCAL:
                settings["_temp_dir"] = str(_folder(grid))
            try:
                with uninterrupted():  # otherwise an interrupt would be lost in a fork, or crash Ray
                    ray.init(address, **settings)
                break
            except Exception as error:  # Ray raises many kinds of exceptions, even plain Exception
                ray.shutdown()
                if not left or "timed out during startup" not in str(error):
                    words = str(error).strip().splitlines()[0][:200]
                    raise UserError(f"Ray cannot be used: {words} Received: {address}.") from None
                print("Ray did not start in time because this machine is busy; trying again", flush=True)
        yield
    finally:  # shutting down takes a second or two; signals are ignored during this time
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        ray.shutdown()
        shutil.rmtree(_path(grid), ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _folder(grid: Path) -> Path:
    """Makes an empty folder for a private cluster.

    First kills the processes that a failed start of Ray left behind; it recognises them by the folder's path in their
    command lines.
    """
    path = _path(grid)
    with suppress(psutil.Error, OSError):
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if f"{path}/session_" in " ".join(process.cmdline()):
                    process.kill()
    shutil.rmtree(path, ignore_errors=True)
    return path


def _path(grid: Path) -> Path:
    """Returns the folder of a private cluster; a hash of the grid's path distinguishes grids with the same name."""
    name = f"grid-{hashlib.sha256(os.fsencode(grid.resolve())).hexdigest()[:8]}"
    return short_folder(len(name) + 1 + RAY_NEEDS, otherwise=grid.parent) / name


def short_folder(room: int, otherwise: Path | None = None) -> Path:
    """Returns a folder whose path leaves at least `room` bytes for the rest of a Unix socket's path.

    If RAY_TMPDIR is set, returns that folder. Otherwise, tries the system's temporary folder (which has a long path on
    macOS), /tmp and `otherwise`, and returns the first suitable one of these folders.

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
