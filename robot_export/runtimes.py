"""Runs an exported file in its real runtime with one thread, as on the robot."""

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from common.cli.quiet import quiet_stderr
from common.errors import UserError
from common.training import safe_keras_file
from robot_export import keras2_file
from robot_export.cpp.compile_and_run import CPP_FLAGS, Program, find_compiler

BATCH = 256


@dataclass(frozen=True)
class Opened:
    """A file that is ready to run.

    run: values from `Layout.feed` [n, height, width, channels], at most `batch` patches -> float32 [n, outputs].
    shape: (height, width, channels) of its input, with None for a dimension of any size. dtype: the input's dtype.
    outputs: the number of values that it returns for each patch.
    single: one patch [1, height, width, channels] -> a function that runs the file on it once, to measure the latency;
        if None, calls of `run` are measured.
    times: values -> {"median", "p95"}, microseconds per patch; only if a separate program measures the latency.
    quantised: (scale, zero point) of the input if the file takes uint8, otherwise None.
    self_test: the file's own check of its test vectors, if it has one; raises a UserError if the check fails.
    """

    run: Callable[[np.ndarray], np.ndarray]
    shape: tuple
    dtype: str
    outputs: int
    batch: int = BATCH
    single: Callable[[np.ndarray], Callable[[], object]] | None = None
    times: Callable[[np.ndarray], dict[str, float]] | None = None
    quantised: tuple[float, int] | None = None
    self_test: Callable[[], object] | None = None

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Computes the outputs, float32 [n, outputs], for values from `Layout.feed` [n, height, width, channels]."""
        answers = np.empty((len(values), self.outputs), np.float32)
        for start in range(0, len(values), self.batch):
            answers[start : start + self.batch] = self.run(values[start : start + self.batch])
        return answers


def missing(runtime: str) -> str | None:
    """Returns why a runtime cannot run here, or None if it can. The Python runtimes are always installed."""
    return "no C++ compiler is installed" if runtime == "C++" and not find_compiler() else None


def open_file(path: Path, runtime: str) -> Opened:
    """Opens an exported file in its runtime; raises a UserError if the runtime cannot read the file."""
    try:
        return OPENERS[runtime][0](path)
    except UserError:
        raise
    except Exception as error:  # every runtime raises its own kinds of exceptions
        raise UserError(f"{path}: {runtime} cannot open it: {' '.join(str(error).split())[:200]}") from None


def version(runtime: str) -> str:
    """Returns the name and version of an installed runtime."""
    if runtime == "C++":
        said = subprocess.run([find_compiler(), "--version"], capture_output=True, text=True, check=False).stdout
        return f"{said.splitlines()[0] if said else 'C++ compiler'} {' '.join(CPP_FLAGS)}"
    return f"{runtime} {metadata.version(OPENERS[runtime][1])}"


def _keras(path: Path) -> Opened:
    model = safe_keras_file.load(path)
    return _tensorflow(lambda batch: model(batch, training=False), model.input_shape[1:])


def _tensorflow(compute: Callable, input_shape: tuple[int, ...]) -> Opened:
    call = tf.function(compute, input_signature=[tf.TensorSpec((None, *input_shape), tf.float32)])
    outputs = call(np.zeros((1, *input_shape), np.float32)).shape[-1]

    def single(patch):
        patch = tf.constant(patch, tf.float32)
        return lambda: call(patch)

    return Opened(lambda batch: call(batch.astype(np.float32)).numpy(), input_shape, "float32", outputs, single=single)


def _litert(path: Path) -> Opened:
    with quiet_stderr():
        many, one = (Interpreter(model_path=str(path), num_threads=1) for _ in range(2))
        one.allocate_tensors()
        source, answer = one.get_input_details()[0], one.get_output_details()[0]
        many.resize_tensor_input(source["index"], [BATCH, *source["shape"][1:]])
        many.allocate_tensors()

    def run(batch):
        many.set_tensor(source["index"], np.resize(batch, (BATCH, *batch.shape[1:])))  # fills up the last batch
        many.invoke()
        values = many.get_tensor(answer["index"])[: len(batch)]
        step, zero = answer["quantization"]
        return (values.astype(np.float32) - zero) * np.float32(step) if step else values

    def single(patch):
        one.set_tensor(source["index"], patch)
        return one.invoke

    quantised = tuple(source["quantization"]) if source["dtype"] is np.uint8 else None  # (1.0, 0) for raw bytes
    shape, dtype = tuple(source["shape"][1:]), np.dtype(source["dtype"]).name
    return Opened(run, shape, dtype, answer["shape"][-1], single=single, quantised=quantised)


def _onnx(path: Path) -> Opened:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    source, outputs = session.get_inputs()[0], session.get_outputs()[0].shape[-1]
    dtype = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}.get(source.type, source.type)
    return Opened(lambda batch: session.run(None, {source.name: batch})[0], tuple(source.shape[1:]), dtype, outputs)


def _cpp(path: Path) -> Opened:
    folder = tempfile.mkdtemp(prefix="model-")
    try:
        program = Program(path, Path(folder), find_compiler(), CPP_FLAGS)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(program, shutil.rmtree, folder, ignore_errors=True)
    more = {"times": program.times, "quantised": (1.0, 0), "self_test": program.self_test}
    return Opened(program.predict, program.shape, "uint8", program.outputs, batch=1 << 30, **more)


# For each runtime, the function that opens a file, and the Python package of the runtime.
OPENERS = {
    "Keras": (_keras, "keras"),
    "Keras 2 layout": (lambda path: _tensorflow(*keras2_file.load(path)), "tensorflow"),
    "LiteRT": (_litert, "ai-edge-litert"),
    "ONNX Runtime": (_onnx, "onnxruntime"),
    "C++": (_cpp, None),
}
