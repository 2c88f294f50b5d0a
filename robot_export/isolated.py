"""Runs a TFLite or ONNX file in a process of its own: a file of unknown origin can end a native runtime."""

import multiprocessing
import signal
import weakref
from pathlib import Path

import numpy as np

from common.errors import UserError

START_SECONDS = 120  # TensorFlow's import, on a busy machine


class Isolated:
    """A file, opened by its runtime in a child process that ends with this one.

    shape: of its input, (None, height, width, channels). dtype: of its input. outputs: numbers per patch.

    Raises:
        UserError: the runtime cannot read it.
    """

    def __init__(self, path: Path, runtime: str):
        self._path = path
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        process = context.Process(target=_serve, args=(child, path, runtime), daemon=True)
        process.start()
        child.close()
        weakref.finalize(self, process.kill)
        if not self._pipe.poll(START_SECONDS):
            raise UserError(f"{path}: {runtime} did not open it within {START_SECONDS} s.")
        self.shape, self.dtype, self.outputs = self._receive()

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Values as `Layout.feed` makes them [n, height, width, channels] -> float32 [n, outputs].

        Raises:
            UserError: the runtime failed or ended.
        """
        try:
            self._pipe.send(values)
        except OSError:
            raise UserError(f"{self._path}: its runtime ended.") from None
        return self._receive()

    def _receive(self):
        try:
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise UserError(f"{self._path}: its runtime ended, so the file is damaged or not for it.") from None
        if not good:
            raise UserError(answer)
        return answer


def _serve(pipe, path: Path, runtime: str) -> None:
    """The child: tells the layout, then answers until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from common.cli.quiet import quiet_stderr

    with quiet_stderr():
        from robot_export import runtimes

    try:
        opened = runtimes.open_file(path, runtime)
        pipe.send((True, _layout(path, runtime)))
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


def _layout(path: Path, runtime: str) -> tuple[tuple, str, int]:
    if runtime == "ONNX Runtime":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        source, answer = session.get_inputs()[0], session.get_outputs()[0]
        dtype = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}.get(source.type, source.type)
        return (None, *source.shape[1:]), dtype, answer.shape[-1]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    source, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = tuple(int(side) for side in source["shape"][1:])
    return (None, *shape), np.dtype(source["dtype"]).name, int(answer["shape"][-1])
