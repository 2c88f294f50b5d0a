"""Checks that a file is compared with its entry and test vectors in model.json, and that foreign code is not run."""

import numpy as np
import onnx
import onnxruntime
import pytest

from common.errors import UserError
from robot_export import model_json, verify_one_file

from .cpp.headers import needs_compiler
from .jobs import edit, replace_file, with_code


def run_here(folder, name: str, **settings) -> str:
    """Checks a file in the folder, without a child process."""
    return verify_one_file.check_file(folder, model_json.read(folder), name, **settings)


def vector_patches(folder) -> np.ndarray:
    """Returns the patches of the test vectors."""
    return np.array(model_json.read(folder).vectors["patches"], np.uint8).reshape(-1, 16, 16, 1)


def with_another_bias(folder) -> None:
    """Replaces the ONNX file and its hash with those of a model with a different bias."""
    model = onnx.load(folder / "model.onnx")
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name == "logit.bias"]
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 1, bias.name))
    replace_file(folder, "onnx", model.SerializeToString())


def test_a_header_listed_under_another_format_is_not_run(folder, tmp_path):
    replace_file(folder, "onnx", with_code(folder, tmp_path / "ran"), runtime="C++")
    assert run_here(folder, "onnx").startswith("not run, because it may contain foreign code")
    assert not (tmp_path / "ran").exists()


def test_the_option_for_foreign_code_runs_it(folder):
    text = (folder / "model.h").read_text() + "// a comment that an older version wrote\n"
    replace_file(folder, "cpp", text.encode())
    assert run_here(folder, "cpp", foreign_code=True).startswith("unchanged")


def test_without_a_compiler_a_header_is_not_run(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    assert run_here(folder, "cpp") == "not run: no C++ compiler is installed; the file is unchanged"


def test_another_model_with_the_right_hash_is_detected_by_the_test_vectors(folder):
    with_another_bias(folder)
    with pytest.raises(UserError, match=r"model.onnx outputs .* for test vector \d"):
        run_here(folder, "onnx")


def test_another_model_with_matching_test_vectors_is_detected_because_it_differs_from_keras(folder):
    with_another_bias(folder)
    X = vector_patches(folder).astype(np.float32)
    answers = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"patch": X})[0].tolist()
    edit(folder, lambda values: values["vectors"]["expected"].update(onnx=answers))
    with pytest.raises(UserError, match=r"model.onnx differs from Keras by 0.\d+, but model.json says by at most"):
        run_here(folder, "onnx")


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("onnx", {"tolerance": 1.0}, "model.onnx: tolerance must be 0.0001, but model.json says 1.0"),
        ("uint8", {"tolerance": 0.5}, "model_uint8.tflite: tolerance must be 0.02, but model.json says 0.5"),
        ("cpp", {"tolerance": 0.02}, "model.h: tolerance must be 0.0001, but model.json says 0.02"),
        ("onnx", {"fit": False}, "model.onnx: fit must be true, but model.json says false"),
        ("onnx", {"fit": None}, "model.onnx: fit must be true, but model.json says null"),
        ("onnx", {"parity": None}, "model.onnx: fit must be null, but model.json says true"),
        ("onnx", {"unfit": ["it is bad"]}, "model.onnx: fit must be false, but model.json says true"),
        ("uint8", {"quantised": {"scale": 0.5, "zero_point": 0}}, r"quantised must be \(1.0, 0\), .* \(0.5, 0\)"),
        ("onnx", {"bytes": 5}, "model.onnx: bytes must be .*, but model.json says 5"),
    ],
)
def test_an_edited_entry_is_noticed(folder, name, entry, words):
    edit(folder, lambda values: values["forms"][name].update(entry))
    with pytest.raises(UserError, match=words):
        run_here(folder, name)


def test_a_rejected_file_that_is_marked_as_accepted_is_noticed(folder):
    """According to its metrics, the file finds fewer balls than Keras."""

    def reject(values):
        entry = values["forms"]["uint8"]
        assert values["forms"]["keras"]["parity"]["recall"] > 0.5
        entry["parity"]["recall"] = 0.4
        values["forms"]["keras"]["parity"]["flips"] = 0
        entry.update(fit=False, unfit=["it loses balls"])

    edit(folder, reject)
    assert run_here(folder, "uint8").startswith("unchanged")
    edit(folder, lambda values: values["forms"]["uint8"].update(fit=True, unfit=[]))
    with pytest.raises(UserError, match=r"model_uint8.tflite: fit must be false, but model.json says true"):
        run_here(folder, "uint8")
    edit(folder, lambda values: values["forms"]["uint8"]["parity"].pop("recall"))
    with pytest.raises(UserError, match=r"model_uint8.tflite: fit must be false, but model.json says true"):
        run_here(folder, "uint8")
    edit(folder, lambda values: values["forms"]["uint8"].update(fit=False))
    with pytest.raises(UserError, match=r"model_uint8.tflite: it is not accepted, but the reasons are: \[\]"):
        run_here(folder, "uint8")


@pytest.mark.parametrize("place", ["outside", "above", "beside"])
def test_onnx_weights_in_another_file_are_not_read(folder, tmp_path, place):
    """model.json has only the hash of model.onnx, so weights in another file are untrusted."""
    model = onnx.load_from_string((folder / "model.onnx").read_bytes())
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    for path in (tmp_path / "weights", folder / "weights"):
        path.write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    location = {"outside": str(tmp_path / "weights"), "above": "../weights", "beside": "weights"}[place]
    tensor.external_data.add(key="location", value=location)
    replace_file(folder, "onnx", model.SerializeToString())
    with pytest.raises(UserError, match="cannot open it"):
        run_here(folder, "onnx")
    with pytest.raises(UserError, match="cannot open it"):
        verify_one_file.open_file(folder / "model.onnx", "ONNX Runtime")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values["vectors"]["patches"][3].pop(), "the test vectors are not patches of 16x16x1"),
        (lambda values: values["vectors"]["expected"].pop("uint8"), "model_uint8.tflite has no test vectors"),
        (lambda values: values["vectors"]["expected"]["uint8"][0].append(1), "model_uint8.tflite has no test vectors"),
    ],
)
def test_broken_test_vectors_give_a_one_line_error(folder, change, words):
    edit(folder, change)
    with pytest.raises(UserError, match=words):
        run_here(folder, "uint8")


def test_each_format_has_its_own_input(folder):
    """The shared `input` in model.json is only for human readers; each file's entry describes its own input."""
    edit(folder, lambda values: values["input"].update(mean=[0.1], normalised=True))
    assert run_here(folder, "uint8").startswith("unchanged")


def test_a_folder_from_before_november_2026(folder):
    """Entries in these old folders have no layout, so the layout is derived from other fields."""
    edit(folder, lambda values: [entry.pop("layout") for entry in values["forms"].values()])
    for name in ("keras", "h5", "uint8", "onnx"):
        assert run_here(folder, name).startswith("unchanged")


def test_a_listed_file_is_opened_only_if_it_is_the_exported_one(folder):
    opened = verify_one_file.open_file(folder / "model.onnx", "ONNX Runtime")
    wanted = model_json.read(folder).vectors["expected"]["onnx"]
    np.testing.assert_allclose(opened.predict(vector_patches(folder).astype(np.float32)), wanted, atol=1e-5)
    (folder / "model.onnx").write_bytes(b"other")
    with pytest.raises(UserError, match=r"model\.onnx has changed since it was exported"):
        verify_one_file.open_file(folder / "model.onnx", "ONNX Runtime")


@needs_compiler
@pytest.mark.parametrize("name", ["cpp", "int16"])
def test_a_header_with_other_code_is_not_run(folder, tmp_path, name):
    file = folder / model_json.read(folder).formats[name].file
    (folder / "model.h").write_bytes(file.read_bytes())
    replace_file(folder, name, with_code(folder, tmp_path / "ran"))
    assert run_here(folder, name).startswith(
        "not run, because it may contain foreign code: the header that this version generates"
    )
    with pytest.raises(
        UserError, match="not compiled, because it may contain foreign code: the header that this version generates"
    ):
        verify_one_file.open_file(file, "C++")
    assert not (tmp_path / "ran").exists()
    assert run_here(folder, name, foreign_code=True).startswith("unchanged")
    assert (tmp_path / "ran").exists()


@needs_compiler
def test_a_header_without_a_namespace_in_model_json_is_not_run(folder):
    edit(folder, lambda values: values["forms"]["cpp"].pop("namespace"))
    assert run_here(folder, "cpp") == (
        "not run, because it may contain foreign code: model.json does not contain the header's namespace "
        "(--run-foreign-code compiles and runs it)"
    )


@needs_compiler
@pytest.mark.parametrize("name", ["cpp", "int16"])
def test_our_own_header_is_opened_and_an_unlisted_header_is_not(folder, name):
    file = folder / model_json.read(folder).formats[name].file
    wanted = model_json.read(folder).vectors["expected"][name]
    opened = verify_one_file.open_file(file, "C++")
    np.testing.assert_allclose(opened.predict(vector_patches(folder)), wanted, atol=1e-5)
    file.rename(folder / "other.h")
    with pytest.raises(UserError, match=r"other\.h: its model\.json does not list it"):
        verify_one_file.open_file(folder / "other.h", "C++")
