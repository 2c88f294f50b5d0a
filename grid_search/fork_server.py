"""Imports the modules that all runs need, and then forks a process for every run.

python -m grid_search.fork_server MODULE SOCKET

This process listens on the Unix socket SOCKET before it imports anything. The imports take five to ten seconds of CPU
time, once per node; on the driver's node, Ray starts at the same time.

This process forks a copy of itself for each connection. The copy reports that it is ready, and reads one line that
describes the run (JSON: `options`, `log`, `environment`). Then it forks the run, and replies with the exit status of
the run. The line "stop" asks the run to end. If the slot at the other end of the connection dies, the run is killed.

A fork starts in milliseconds. It begins in the same state as `train.py` after its imports: no seed is set and no device
is in use, so the results are the same. When a run ends, all of its memory is freed, including its GPU memory.
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

# Exit status of a run whose failure may have a temporary cause (disk, memory, network), so a second try is worthwhile.
# train.py itself never returns this exit status.
MAY_PASS = 75  # EX_TEMPFAIL in sysexits.h


def main() -> int:
    """Forks a process for every connection until stdin is closed."""
    place = Path(sys.argv[2])
    lock = place.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0  # another slot on this node has already started a fork server
    place.unlink(missing_ok=True)  # a killed process may have left its socket there
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the runs; this process ends when its stdin is closed
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
    """Returns the project's module and ""; if it cannot be imported, returns None and the reason in one line."""
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
    """Stops the run: cleanly on request, or immediately if the slot has ended."""
    for _ in lines:
        os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGKILL)


def _train(module, job: dict, parent: int) -> None:
    """Trains in this new process, and then ends the process."""
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
