"""Runs a TFLite or ONNX file in a process of its own: a file of unknown origin can crash or hang its runtime."""

import multiprocessing
import resource
import signal
import weakref
from pathlib import Path

import numpy as np

from common.cli.quiet import quiet_stderr
from common.errors import UserError

START_SECONDS = 120.0  # TensorFlow's import, on a busy machine
SECONDS, PER_PATCH = 60.0, 0.01  # limit for an answer, plus this much for each patch
MEMORY = 4 << 30  # bytes of data; all runtimes together take 0.6 GB


def limit_memory() -> None:
    """Limits the memory of this process, a child that runs such files."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


class Isolated:
    """A file, opened by its runtime in a child process that ends with this one.

    shape: of its input, (None, height, width, channels). dtype: of its input. outputs: numbers per patch.

    Raises:
        UserError: the runtime cannot read it.
    """

    def __init__(self, path: Path, runtime: str):
        self._path, self._runtime = path, runtime
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child, path, runtime), daemon=True)
        self._process.start()
        child.close()
        weakref.finalize(self, self._process.kill)
        self.shape, self.dtype, self.outputs = self._receive(START_SECONDS)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Values as `Layout.feed` makes them [n, height, width, channels] -> float32 [n, outputs].

        Raises:
            UserError: the runtime failed, crashed or took too long.
        """
        try:
            self._pipe.send(values)
        except OSError:
            raise self._ended() from None
        return self._receive(SECONDS + PER_PATCH * len(values))

    def _receive(self, seconds: float):
        if not self._pipe.poll(seconds):
            self._process.kill()
            raise UserError(f"{self._path}: {self._runtime} did not finish within {seconds:g} s.")
        try:
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if not good:
            raise UserError(answer)
        return answer

    def _ended(self) -> UserError:
        self._process.join(5)
        how = signal.Signals(-self._process.exitcode).name if (self._process.exitcode or 0) < 0 else "it ended"
        return UserError(f"{self._path}: {self._runtime} crashed ({how}): the file is damaged or not for it.")


def _serve(pipe, path: Path, runtime: str) -> None:
    """The child: tells the layout, then answers until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory()
    with quiet_stderr():
        from robot_export import runtimes

    try:
        opened = runtimes.open_file(path, runtime)
        pipe.send((True, runtimes.signature(path, runtime)))
        while True:
            try:
                values = pipe.recv()
            except EOFError:
                return
            pipe.send((True, np.asarray(opened.predict(values), np.float32)))
    except UserError as error:
        pipe.send((False, str(error)))
    except Exception as error:  # every runtime raises its own kinds
        pipe.send((False, f"{path}: {runtime} cannot run it: {' '.join(str(error).split())[:200]}"))
