"""Checks that a file that breaks its runtime causes a one-line error, and that its time and memory are limited."""

import numpy as np
import pytest

from common.errors import UserError
from robot_export import isolated_runtime, onnx_file, tflite
from robot_export.folded_network import Joint, fold
from robot_export.isolated_runtime import Isolated

from .broken_files import crashing, endless, hungry
from .models import patches, random_model

X = patches(1, 20, (16, 16, 1))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("files"), random_model(11)
    joint = Joint((fold(model),))
    onnx_file.write(folder / "model.onnx", joint)
    (folder / "model.tflite").write_bytes(tflite.convert(joint, X))
    return folder, model(X.astype(np.float32)).numpy()


def test_gives_the_same_outputs_as_the_model(files):
    folder, wanted = files
    opened = Isolated(folder / "model.onnx", "ONNX Runtime")
    assert (opened.shape, opened.dtype, opened.outputs) == ((16, 16, 1), "float32", 1)
    np.testing.assert_allclose(opened.predict(X.astype(np.float32)), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "file", "words"),
    [
        (crashing, "model.tflite", r"LiteRT crashed \(SIG[A-Z]+\)"),
        (hungry, "model.tflite", "model.tflite: LiteRT c"),
        (endless, "model.onnx", "ONNX Runtime did not finish within 2 s"),
    ],
)
def test_a_file_that_breaks_its_runtime_gives_a_one_line_error(files, tmp_path, monkeypatch, make, file, words):
    monkeypatch.setattr(isolated_runtime, "SECONDS", 2.0)
    monkeypatch.setattr(isolated_runtime, "PER_PATCH", 0.0)
    (tmp_path / file).write_bytes(make((files[0] / file).read_bytes()))
    runtime = "LiteRT" if file.endswith("tflite") else "ONNX Runtime"
    with pytest.raises(UserError, match=words) as error:
        Isolated(tmp_path / file, runtime).predict(X.astype(np.float32))
    assert "\n" not in str(error.value)
