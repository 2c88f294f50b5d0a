"""What a terminal and the model card say about the forms."""

import pytest

from robot_export import card


@pytest.mark.parametrize(
    ("fit", "reason", "end"),
    [
        (True, [], "difference 0.1"),
        (False, ["it misses balls"], "   rejected: it misses balls"),
        (None, ["not run when it was exported: no compiler"], "   not run when it was exported: no compiler"),
    ],
)
def test_the_end_of_a_run_marks_rejected_forms(fit, reason, end):
    entry = {"file": "model.onnx", "bytes": 5, "parity": {"max_difference": 0.1}, "latency_us": None}
    line = card.summary({"forms": {"onnx": entry | {"fit": fit, "unfit": reason}}})
    assert line.endswith(end)
    assert ("rejected" in line) is (fit is False)
