"""Tests the list of exported files that the terminal shows."""

from types import SimpleNamespace

import pytest

from robot_export import card
from robot_export.model_json import ExportedFile

FILE = {"runtime": "ONNX Runtime", "sha256": "0" * 64, "normalised": False, "input_type": "float32", "quantised": None}
FILE |= {"peak_activation_bytes": 1, "tolerance": 1e-4, "parity": {"max_difference": 0.1}, "latency_us": None}


@pytest.mark.parametrize(
    ("accepted", "reasons", "end"),
    [
        (True, [], "difference 0.1"),
        (False, ["it misses balls"], "   rejected: it misses balls"),
        (None, ["not run during the export: no compiler"], "   not run during the export: no compiler"),
    ],
)
def test_the_end_of_a_run_marks_rejected_formats(accepted, reasons, end):
    file = ExportedFile(file="model.onnx", bytes=5, accepted=accepted, reasons=reasons, **FILE)
    line = card.summary(SimpleNamespace(formats={"onnx": file}))
    assert line.endswith(end)
    assert ("rejected" in line) is (accepted is False)
