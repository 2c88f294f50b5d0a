"""Imports everything that runs need once, and forks a process for every run.

python -m grid_search.fork_server MODULE SOCKET

This process listens on the Unix socket SOCKET before it imports anything. The imports take five to ten seconds of CPU
time, once per node; on the driver's node, Ray starts at the same time. Each connection gets a fork of this process,
which reports that it is ready, reads a job in one line (JSON: `options`, `log`, `environment`), forks the run, and
replies with the exit status of the run. The line "stop" asks the run to end. If the slot that made the connection dies,
the run is killed. A fork starts in milliseconds and begins like `train.py` after its imports, with fresh seeds and
devices, so its results are the same. All memory of a run, also on the GPU, is freed when the run ends.
"""

import fcntl
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from common.cli.option import from_json
from common.cli.printable import printable
from common.errors import UserError

# Not an exit status of train.py: the cause may be temporary (disk, memory, network), so a second try is worthwhile.
MAY_PASS = 75  # EX_TEMPFAIL of sysexits.h


def main() -> int:
    """Forks a process for every connection, until stdin is closed."""
    place = Path(sys.argv[2])
    lock = place.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0  # another slot of this node has already started such a process
    place.unlink(missing_ok=True)  # left by a killed process
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the runs; this process ends when stdin is closed
        signal.signal(number, signal.SIG_IGN)
    module, fault = _import()
    gc.freeze()  # garbage collection in a child would write to every object and so copy all shared memory
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the exit status of a fork is not needed
    while 0 not in select.select([0, listener], [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if not os.fork():
                listener.close()
                lock.close()
                _serve(module, fault, connection)
    for path in (place, Path(lock.name)):
        path.unlink(missing_ok=True)
    return 0


def _import() -> tuple:
    """Returns the project's module and "", or None and one line that says why it cannot be imported."""
    try:
        module = importlib.import_module(sys.argv[1])
        package = module.__name__.rpartition(".")[0]
        if package and importlib.util.find_spec(f"{package}.training"):
            importlib.import_module(f"{package}.training")  # imports everything that a run needs
        importlib.import_module("grid_search.plots").warm_up()
    except (Exception, SystemExit) as error:
        return None, printable(f"{type(error).__name__}: {error}")
    return module, ""


def _serve(module, fault: str, connection: socket.socket) -> None:
    """Runs the job of one connection, then ends this fork."""
    with suppress(OSError):  # the slot has ended
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        connection.sendall(f"{fault or f'ready {os.getpid()}'}\n".encode())
        lines = connection.makefile()
        if line := lines.readline():
            parent, child = os.getpid(), os.fork()
            if not child:
                os.close(connection.fileno())  # so that the slot notices if the parent is killed
                _train(module, json.loads(line), parent)
            threading.Thread(target=_obey, args=(lines, child), daemon=True).start()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _obey(lines, child: int) -> None:
    """Stops the run: cleanly on request, or at once if the slot has ended."""
    for _ in lines:
        os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGKILL)


def _train(module, job: dict, parent: int) -> None:
    """Trains in this new process, and ends the process."""
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    os.environ.update(job["environment"])
    status = MAY_PASS
    try:
        status = module.train(from_json(module.Options, job["options"]))
    except UserError as error:
        # A full disk or a lost connection is also a UserError.
        status = MAY_PASS if isinstance(error.__context__, OSError) else 2
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def end_with(parent: int) -> None:
    """Ends this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
