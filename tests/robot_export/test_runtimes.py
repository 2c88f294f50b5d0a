"""Checks that each runtime opens its file, reports its shape, and gives the same outputs for any batch size."""

import gc
import shutil
import tempfile

import h5py
import keras
import numpy as np
import onnxruntime
import pytest

from common.errors import UserError
from robot_export import runtimes
from robot_export.formats import FORMATS
from robot_export.layout import Layout

from .cpp.headers import COMPILER, needs_compiler
from .models import patches

NAMES = ("keras", "h5", "float32", "uint8", "onnx", "cpp", "int16")


@pytest.fixture(scope="module", params=NAMES)
def opened(request, classifier):
    """Opens a file of the classifier; returns the opened file and its layout."""
    if why := runtimes.missing(FORMATS[request.param].runtime):
        pytest.skip(why)
    folder, _, told = classifier
    file = told.formats[request.param]
    return runtimes.open_file(folder / file.file, file.runtime), Layout.of(file, told.input)


def test_an_opened_file_describes_its_input_and_outputs(opened):
    file, layout = opened
    assert ([*file.shape], file.dtype, file.outputs) == ([16, 16, 1], layout.dtype, 1)
    assert file.quantised == (None if layout.dtype == "float32" else (1.0, 0))  # raw bytes are the quantised values


@pytest.mark.parametrize("count", [0, 1, 12, runtimes.BATCH, runtimes.BATCH + 3])
def test_a_batch_gives_the_same_outputs_as_single_patches(opened, count):
    file, layout = opened
    X = patches(5, 300, (16, 16, 1))[:count]
    found = file.predict(layout.feed(X))
    assert found.shape == (count, 1)
    for place in {0, count // 2, count - 1} if count else ():
        np.testing.assert_allclose(found[place], file.predict(layout.feed(X[place : place + 1]))[0], atol=1e-6)


def test_a_timing_call_runs_the_file_on_one_patch(opened):
    file, layout = opened
    values = layout.feed(patches(5, 3, (16, 16, 1)))
    if file.times:
        assert 0 < file.times(values)["median"] <= file.times(values)["p95"]
        return
    run = file.single(values[:1]) if file.single else lambda: file.run(values[:1])
    before = file.predict(values)
    run()
    np.testing.assert_array_equal(file.predict(values), before)


@pytest.mark.parametrize("runtime", runtimes.OPENERS)
def test_a_damaged_file_gives_a_one_line_error(tmp_path, runtime):
    path = tmp_path / f"model{'.keras' if runtime == 'Keras' else '.bin'}"
    path.write_bytes(b"damaged " * 100)
    with pytest.raises(UserError) as refused:
        runtimes.open_file(path, runtime)
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_long_error_of_a_runtime_becomes_one_line(classifier, tmp_path):
    """TensorFlow prints the whole stack if it cannot trace a function."""
    path = shutil.copy(classifier[0] / "model_keras2.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        file.attrs["model_config"] = config.replace('"padding": "valid"', '"padding": "odd"').encode()
    with pytest.raises(UserError, match=r"model_keras2\.h5: Keras 2 layout cannot open it: ") as refused:
        runtimes.open_file(path, "Keras 2 layout")
    assert "\n" not in str(refused.value)


@needs_compiler
def test_a_compiled_header_leaves_nothing_behind(classifier, tmp_path, monkeypatch):
    folder, job, _ = classifier
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = runtimes.open_file(folder / "model.h", "C++")
    assert [path.name for path in tmp_path.glob("*/*")] == ["model.program"]
    np.testing.assert_allclose(opened.predict(job.source.validation.X[:5]), job.source.outputs[:5], atol=1e-5)
    del opened
    gc.collect()
    assert not list(tmp_path.iterdir())
    (tmp_path / "other.h").write_text((folder / "model.h").read_text().replace("namespace detail {", "namespace {"))
    with pytest.raises(UserError, match="does not compile"):
        runtimes.open_file(tmp_path / "other.h", "C++")
    assert [path.name for path in tmp_path.iterdir()] == ["other.h"]


def test_only_a_compiler_can_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {name: runtimes.missing(name) for name in runtimes.OPENERS if runtimes.missing(name)} == {
        "C++": "no C++ compiler is installed"
    }


def test_the_version_is_that_of_the_installed_runtime():
    assert runtimes.version("Keras") == f"Keras {keras.__version__}"
    assert runtimes.version("ONNX Runtime") == f"ONNX Runtime {onnxruntime.__version__}"
    if COMPILER:
        said = runtimes.version("C++")
        assert said.endswith(" -O2 -march=native")
        assert any(digit.isdigit() for digit in said.removesuffix("-O2 -march=native"))
        assert "Copyright" not in said  # the second line
