"""The export formats: their files, their runtimes, and the functions that write them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_export import keras2_file, onnx_file, tflite
from robot_export.cpp import header, int16_header, int16_quantise, int16_reference
from robot_export.folded_network import Joint
from robot_export.layout import Layout


@dataclass(frozen=True)
class Material:
    """What is needed to make a file, besides its networks.

    calibration, validation: uint8 [n, h, w, c], raw. choose: outputs on validation -> a format's own threshold.
    about: the description of the model for the C++ headers.
    """

    calibration: np.ndarray
    validation: np.ndarray
    choose: Callable[[np.ndarray], float | None]
    about: header.About


@dataclass(frozen=True)
class Written:
    """What is known about a file after it was written.

    fields: further fields of its `model_json.ExportedFile`. threshold: its threshold, None for a detector.
    outputs: float32 [n, k], its exact outputs on validation; None if small differences are allowed.
    """

    fields: dict
    threshold: float | None
    outputs: np.ndarray | None = None


@dataclass(frozen=True)
class Format:
    """An export format.

    file: its name in the run folder. runtime: its runtime, a key of `runtimes.OPENERS`.
    write: (path, networks, layout, material) makes the file; None for the file that training saves.
    exact: float32 arithmetic, which must agree with Keras. bytes: of one activation. takes: its input.
    always_raw: it takes raw values even if the others take normalised ones.
    """

    file: str
    runtime: str
    write: Callable[[Path, Joint, Layout, Material], Written | None] | None
    exact: bool = False
    bytes: int = 4
    takes: str = "float32"
    always_raw: bool = False


def _tflite(kind: str) -> Callable:
    def write(path: Path, joint: Joint, layout: Layout, material: Material) -> None:
        path.write_bytes(tflite.convert(joint, kind, layout.feed(material.calibration)))

    return write


def _onnx(path: Path, joint: Joint, layout: Layout, material: Material) -> None:
    onnx_file.write(path, joint, layout.dtype)


def _h5(path: Path, joint: Joint, layout: Layout, material: Material) -> None:
    keras2_file.write(path, joint)


def _cpp(path: Path, joint: Joint, layout: Layout, material: Material) -> None:
    header.write(path, joint.branches[0], material.about)


def _int16(path: Path, joint: Joint, layout: Layout, material: Material) -> Written:
    network = joint.branches[0]
    ranges = int16_quantise.measure(network, material.calibration)
    whole = int16_quantise.quantise(network, ranges)
    found = int16_reference.predict(whole, material.validation)
    threshold = material.choose(found.outputs)
    about = replace(material.about, threshold=threshold)
    path.write_text(int16_header.text(network, whole, about), encoding="utf-8")
    return Written({"ranges": ranges, "clamped": found.clamped}, threshold, found.outputs)


FORMATS = {
    "keras": Format("model.keras", "Keras", None, exact=True, always_raw=True),
    "h5": Format("model_keras2.h5", "Keras 2 layout", _h5, exact=True),
    "float32": Format("model_float32.tflite", "LiteRT", _tflite("float32"), exact=True),
    "int8": Format("model_int8.tflite", "LiteRT", _tflite("int8"), bytes=1),
    "uint8": Format("model_uint8.tflite", "LiteRT", _tflite("uint8"), bytes=1, takes="uint8", always_raw=True),
    "onnx": Format("model.onnx", "ONNX Runtime", _onnx, exact=True),
    "cpp": Format("model.h", "C++", _cpp, exact=True, takes="uint8", always_raw=True),
    "int16": Format("model_int16.h", "C++", _int16, bytes=2, takes="uint8", always_raw=True),
}
FORMER = ("model_float16.tflite", "model_dynamic.tflite")  # from earlier versions: no robot's code loads them
CHOICES = {"none": ("keras",), "keras": ("keras",), "all": tuple(FORMATS)}
