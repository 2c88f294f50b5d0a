"""Defines the export formats: their files, their runtimes, and the functions that write them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_export import keras2_file, onnx_file, tflite
from robot_export.calibration import select_calibration
from robot_export.cpp import float_header, int16_header, int16_quantise, int16_reference
from robot_export.export_job import Job
from robot_export.folded_network import Joint
from robot_export.layout import Layout
from robot_export.model_json import Input


@dataclass(frozen=True)
class Written:
    """What is known about a file after it has been written.

    threshold: the threshold of the format; None for a detector. fields: more fields for its `model_json.ExportedFile`.
    outputs: float32 [n, k], the exact outputs that are expected for the validation patches; None if small differences
    are allowed.
    """

    threshold: float | None
    fields: dict = field(default_factory=dict)
    outputs: np.ndarray | None = None


@dataclass(frozen=True)
class Format:
    """An export format.

    file: its file name in the run folder. runtime: a key of `runtimes.OPENERS`.
    write: (path, networks, layout, job) writes the file; None for the file that training saves.
    exact: whether it computes in float32 and so must agree with Keras. bytes: the size of an activation in bytes.
    takes: the dtype of its input. always_raw: whether it takes raw values even if other formats take normalised values.
    """

    file: str
    runtime: str
    write: Callable[[Path, Joint, Layout, Job], Written | None] | None
    exact: bool = False
    bytes: int = 4
    takes: str = "float32"
    always_raw: bool = False

    def layout(self, given: Input) -> Layout:
        """Returns the layout of this format's usual file; given: the input that model.json describes."""
        if given.normalised and not self.always_raw:
            return Layout(given.scale, tuple(given.offset), self.takes)
        return Layout(1.0, (0.0,) * given.channels, self.takes)


def _tflite(path: Path, joint: Joint, layout: Layout, job: Job) -> None:
    quantised = layout.dtype == "uint8"
    calibration = layout.feed(select_calibration(job.source.calibration)) if quantised else None
    path.write_bytes(tflite.convert(joint, calibration))


def _cpp(path: Path, joint: Joint, layout: Layout, job: Job) -> None:
    float_header.write(path, joint.branches[0], job.about(job.source.manifest.trained_threshold))


def _int16(path: Path, joint: Joint, layout: Layout, job: Job) -> Written:
    network = joint.branches[0]
    ranges = int16_quantise.measure(network, select_calibration(job.source.calibration))
    whole = int16_quantise.quantise(network, ranges)
    found = int16_reference.predict(whole, job.source.validation.X)
    threshold = job.reference.own_threshold(found.outputs)
    path.write_text(int16_header.text(network, whole, job.about(threshold)), encoding="utf-8")
    return Written(threshold, {"ranges": ranges, "clamped": found.clamped}, found.outputs)


FORMATS = {
    "keras": Format("model.keras", "Keras", None, exact=True, always_raw=True),
    "h5": Format(
        "model_keras2.h5", "Keras 2 layout", lambda path, joint, *_: keras2_file.write(path, joint), exact=True
    ),
    "float32": Format("model_float32.tflite", "LiteRT", _tflite, exact=True),
    "uint8": Format("model_uint8.tflite", "LiteRT", _tflite, bytes=1, takes="uint8", always_raw=True),
    "onnx": Format(
        "model.onnx",
        "ONNX Runtime",
        lambda path, joint, layout, _: onnx_file.write(path, joint, layout.dtype),
        exact=True,
    ),
    "cpp": Format("model.h", "C++", _cpp, exact=True, takes="uint8", always_raw=True),
    "int16": Format("model_int16.h", "C++", _int16, bytes=2, takes="uint8", always_raw=True),
}
FORMER = ("model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")  # of earlier versions
CHOICES = {"none": ("keras",), "keras": ("keras",), "all": tuple(FORMATS)}
