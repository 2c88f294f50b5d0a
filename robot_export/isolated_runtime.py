"""Runs untrusted files in a separate process, because they can crash or hang their runtime, or use up the memory."""

import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from common.errors import UserError
from robot_export.model_json import Manifest

START_SECONDS = 300.0  # time limit for importing all runtimes, which takes five seconds on an idle machine
SECONDS, PER_PATCH = 60.0, 0.01  # time limit for a reply: SECONDS, plus PER_PATCH for each patch
MEMORY = 4 << 30  # maximum size of the child's data in bytes; all runtimes together need 0.6 GB
_ALONE = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


class Ended(UserError):
    """A process ended or took too long.

    The message continues a sentence that starts with the name of a file, for example: "did not finish within 60 s".
    """


class Child:
    """A child process with limited memory. When this process ends, the child and all processes of the child end, too.

    Args:
        prepare: a function that the child calls with `arguments`. `prepare` returns the first value to send back, and a
            function that computes the reply to each value that the child receives. The module that defines `prepare`
            must not import a runtime.
    """

    def __init__(self, prepare: Callable, *arguments):
        context, folder = multiprocessing.get_context("spawn"), tempfile.mkdtemp(prefix="model-")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_start, args=(folder, prepare, other, arguments), daemon=True)
        self._process.start()
        other.close()
        self.end = weakref.finalize(self, _end, self._process, folder)

    def send(self, value) -> None:
        """Sends a value to the child; if that fails, `receive` raises the error."""
        with suppress(OSError):
            self._connection.send(value)

    def receive(self, seconds: float):
        """Waits for the next value from the child.

        Raises:
            Ended: the child crashed, failed, or took too long.
            UserError: the function in the child raised this error.
        """
        if not self._connection.poll(seconds):
            self.end()
            raise Ended(f"did not finish within {seconds:g} s")
        try:
            value = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            status = self._process.exitcode or 0
            self.end()
            raise Ended(f"crashed ({signal.Signals(-status).name})" if status < 0 else "crashed") from None
        if isinstance(value, UserError):
            raise value
        return value


def _start(folder: str, prepare: Callable, connection, arguments: tuple) -> None:
    """The child process: it has its own process group and no terminal, and puts temporary files into `folder`."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.environ.update(_ALONE, TMPDIR=folder)
    try:
        value, answer = prepare(*arguments)
        while True:
            connection.send(value)
            asked = connection.recv()
            try:
                value = answer(asked)
            except UserError as error:
                value = error
    except (EOFError, BrokenPipeError):  # the parent has ended
        return
    except UserError as error:
        connection.send(error)
    except Exception as error:  # every runtime raises its own kinds of exceptions
        connection.send(Ended(f"cannot run it ({' '.join(str(error).split())[:200]})"))


def _end(process, folder: str) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()  # the child may not have created its process group yet
    process.join()
    shutil.rmtree(folder, ignore_errors=True)


class Isolated:
    """An exported file, opened by its runtime in a child process.

    shape: (height, width, channels) of its input. dtype: the dtype of its input. outputs: the number of values that it
    returns for each patch.

    Raises:
        UserError: the runtime cannot read the file, or it is a header that this program did not generate.
    """

    def __init__(self, path: Path, runtime: str):
        self._name = f"{path}: {runtime}"
        self._child = Child(_open, path, runtime)
        self.shape, self.dtype, self.outputs = self._receive(START_SECONDS)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Computes the outputs, float32 [n, outputs], for values from `Layout.feed` [n, height, width, channels].

        Raises:
            UserError: the runtime failed, crashed or took too long.
        """
        self._child.send(values)
        return self._receive(SECONDS + PER_PATCH * len(values))

    def _receive(self, seconds: float):
        try:
            return self._child.receive(seconds)
        except Ended as how:
            raise UserError(f"{self._name} {how}: the file is damaged or was made for another runtime.") from None


def _open(path: Path, runtime: str) -> tuple[tuple, Callable]:
    opened = _child_module().open_file(path, runtime)
    if not all(isinstance(size, int | np.integer) for size in (*opened.shape, opened.outputs)):
        received = f"{opened.shape} to {opened.outputs}"
        raise UserError(f"{path}: only the number of patches may vary, not their size. Received: {received}.")
    told = tuple(map(int, opened.shape)), opened.dtype, int(opened.outputs)
    return told, lambda values: np.asarray(opened.predict(values), np.float32)


def file_checks(folder: Path, manifest: Manifest, foreign_code: bool) -> tuple[None, Callable]:
    """Prepares a `Child` that checks files: it receives the name of a format and replies with `check_file`'s result."""
    check = _child_module().check_file
    return None, lambda name: check(folder, manifest, name, foreign_code)


def _child_module():
    """Imports the module that the child runs. That module imports every runtime; the parent needs none."""
    from robot_export import verify_one_file

    return verify_one_file
