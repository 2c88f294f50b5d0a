"""Every form of both families, run by its real runtime; broken ones are caught, and nothing of them is shipped."""

import dataclasses
import json

import numpy as np
import pytest

from classifier_cnn import export as classifier
from common.datasets.patch_file import Patches
from common.errors import UserError
from detector_cnn_ball_radius_center import export as detector
from robot_export import export_files, model_json, runtimes, verify
from robot_export.card import write_card
from robot_export.cost import count_cost
from robot_export.cpp import int16_reference
from robot_export.export_model import Evidence, Job, deliver, facts_of
from robot_export.formats import CHOICES, FORMS, select_calibration
from robot_export.layout import Layout
from robot_export.model_facts import describe_input

from .models import patches, random_model

DATASET = {"name": "n", "source": "s", "digest": "0" * 64, "patches": 203}
SETUPS = {
    "classifier": ("sigmoid", classifier, {"side": 16, "channels": 1}),
    "detector": ("linear", detector, {"side": 32, "channels": 2}),
}


def prepared(name: str, folder, normalised: bool = False):
    """A model in `folder`, and the job for it: labels agree with most of what the model says."""
    head, module, size = SETUPS[name]
    model = random_model(11, head=head, **size)
    model.save(folder / "model.keras")
    X = patches(12, 203, model.input_shape[1:])  # no multiple of any batch
    outputs = model(X.astype(np.float32)).numpy()
    rng = np.random.default_rng(13)
    description = {
        "version": 1,
        "project": module.PROJECT,
        "status": "exported",
        "input": describe_input(model, normalised),
        "target": module.TARGET,
        "cost": count_cost(model),
        "datasets": {split: dict(DATASET) for split in ("train", "validation")},
        "synthetic_fallback": False,
        "options": None,
        "provenance": {"commit": "unknown"},
        "metrics": {},
    }
    if name == "classifier":
        y = (outputs[:, 0] > np.median(outputs)) ^ (rng.random(len(X)) < 0.1)
        description["threshold"] = {"keras": float(np.float32(np.median(outputs)))}
        project = module.project(0.1)
    else:
        y, project = outputs + rng.normal(0, 0.05, outputs.shape), module.project(32)
    evidence = Evidence(X, Patches(X, y.astype(np.float32)), outputs)
    return Job(folder, model, description, evidence, project, {})


@pytest.fixture(scope="module", params=SETUPS)
def delivered(request, tmp_path_factory):
    """A folder with every form, the job that they were made by, and the contract."""
    folder = tmp_path_factory.mktemp(request.param)
    job = prepared(request.param, folder)
    told = deliver(job)
    (folder / "model.json").write_text(model_json.text(told))
    return folder, job, told


def test_every_form_is_made_proven_and_timed(delivered):
    folder, _, told = delivered
    assert set(told["forms"]) == set(FORMS)
    assert {path.name for path in folder.iterdir()} == {form.file for form in FORMS.values()} | {
        "model.json",
        "ball_models.h",
        "naoth_finder.h",
    }
    for name, entry in told["forms"].items():
        assert entry["parity"]["patches"] == 203
        if FORMS[name].exact:
            assert entry["parity"]["max_difference"] < 1e-5
            assert entry["fit"]
        assert 0 < entry["latency_us"]["median"] <= entry["latency_us"]["p95"]
    assert told["forms"]["int8"]["parity"]["max_difference"] > told["forms"]["float32"]["parity"]["max_difference"]
    assert model_json.read(folder) == told


def test_the_int16_header_has_its_own_threshold_and_the_card_says_which_header_to_take(delivered, tmp_path):
    folder, _, told = delivered
    entry, text = told["forms"]["int16"], (folder / "model_int16.h").read_text()
    assert 1e-6 < entry["parity"]["max_difference"] < 2e-3
    assert entry["clamped"].keys() == {"conv1", "conv2", "conv3", "conv4", "dense"}
    assert entry["tolerance"] == told["forms"]["cpp"]["tolerance"]
    if "threshold" in told:
        assert f"static const float threshold = {np.float32(told['threshold']['int16']):.9g}f;" in text
    told = json.loads(model_json.text(told))
    entry, cards = told["forms"]["int16"], []
    for change in ({"fit": True}, {"fit": False, "unfit": ["bad"]}, {"fit": None}):
        entry |= change
        cards.append(write_card(tmp_path, told, "", "", "", []).read_text())
    assert "Take **`model_int16.h`** for the robot." in cards[0]
    assert "Take `model.h` for the robot: `model_int16.h` is rejected (bad)." in cards[1]
    assert "Take `model.h` for the robot: `model_int16.h` was not run here." in cards[2]


def test_an_int16_header_with_other_bits_than_predicted_is_not_shipped(tmp_path, monkeypatch):
    job = prepared("classifier", tmp_path)
    monkeypatch.setitem(CHOICES, "all", ("keras", "int16"))
    monkeypatch.setattr(int16_reference, "ONE", 2)  # rounds products in another way
    with pytest.raises(UserError, match="the int16 form does not give the bits that were predicted"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras"}


def test_batch_normalisation_is_folded_and_int8_is_int8_throughout(delivered):
    from ai_edge_litert.interpreter import Interpreter

    folder, _, _ = delivered
    known = {"ADD", "CONV_2D", "MAX_POOL_2D", "LEAKY_RELU", "RESHAPE", "FULLY_CONNECTED", "LOGISTIC", "DELEGATE"}
    for name in ("float32", "int8", "uint8"):
        network = Interpreter(model_path=str(folder / FORMS[name].file))
        operators = [each["op_name"] for each in network._get_ops_details()]
        assert set(operators) - {"QUANTIZE", "DEQUANTIZE"} <= known
        assert operators.count("ADD") == 1  # the mean
        if name == "uint8":
            (answer,) = network.get_output_details()
            kinds = {tensor["dtype"] for tensor in network.get_tensor_details() if tensor["index"] != answer["index"]}
            assert kinds <= {np.int8, np.uint8, np.int32}
            assert answer["dtype"] is np.float32


# The highest version of each operator in files that TFLite 2.10 and 2.15 were seen to load.
TFLITE_2_10 = {"QUANTIZE": 1, "DEQUANTIZE": 2, "ADD": 2, "CONV_2D": 3, "MAX_POOL_2D": 2, "LEAKY_RELU": 1}
TFLITE_2_10 |= {"RESHAPE": 1, "FULLY_CONNECTED": 4, "LOGISTIC": 2}


@pytest.mark.parametrize("name", ["float32", "int8", "uint8"])
def test_tflite_files_hold_no_operator_newer_than_tflite_2_10(delivered, name):
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf((delivered[0] / FORMS[name].file).read_bytes(), 0)
    names = {number: word for word, number in vars(schema.BuiltinOperator).items()}
    for code in model.operatorCodes:
        operator = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        assert code.version <= TFLITE_2_10[operator], operator


def test_the_onnx_file_is_one_that_old_runtimes_load(delivered):
    import onnx

    model = onnx.load(delivered[0] / "model.onnx")
    assert ([opset.version for opset in model.opset_import], model.ir_version) == ([13], 7)
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert [[a.i for a in node.attribute if a.name == "transB"] for node in products] == [[1], [1]]


def test_the_uint8_form_takes_raw_bytes(delivered):
    folder, _, told = delivered
    assert told["forms"]["uint8"]["quantised"] == {"scale": 1.0, "zero_point": 0}
    opened = runtimes.open_file(folder / "model_uint8.tflite", "LiteRT")
    assert opened.quantised == (1.0, 0)


def test_a_batch_is_what_its_patches_are_one_by_one(delivered):
    folder, job, told = delivered
    for name in ("float32", "h5", "int8", "onnx"):
        opened = runtimes.open_file(folder / FORMS[name].file, FORMS[name].runtime)
        values = Layout.of(told["forms"][name], told).feed(job.evidence.validation.X[:12])
        single = np.concatenate([opened.predict(value[None]) for value in values])
        np.testing.assert_allclose(opened.predict(values), single, atol=1e-6)


def test_verify_proves_the_folder(delivered, capsys):
    folder, _, _ = delivered
    verify.main([str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FORMS) + 1
    assert lines[-1].endswith(f"{len(FORMS)} of {len(FORMS)} forms proven here")


@pytest.fixture
def copied(delivered, tmp_path):
    """A copy of a delivered folder, to be broken; without the header, which takes a second to compile each time."""
    for path in delivered[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = json.loads((tmp_path / "model.json").read_text())
    del told["forms"]["cpp"]
    (tmp_path / "model.json").write_text(json.dumps(told))
    return tmp_path, told


def test_a_runtime_that_is_missing_is_said(copied, capsys, monkeypatch):
    folder, _ = copied
    original = runtimes.missing
    monkeypatch.setattr(runtimes, "missing", lambda name: "gone" if name == "ONNX Runtime" else original(name))
    verify.main([str(folder)])
    assert "not run: gone" in capsys.readouterr().out
    with pytest.raises(UserError, match="onnx: not run: gone"):
        verify.main([str(folder), "--all"])


def test_a_tampered_file_is_caught_by_its_hash(copied):
    folder, _ = copied
    content = bytearray((folder / "model_int8.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model_int8.tflite").write_bytes(content)
    with pytest.raises(UserError, match=r"int8: model_int8.tflite is not the file that was exported"):
        verify.main([str(folder)])


def test_another_model_with_the_right_hash_is_caught_by_the_test_vectors(copied):
    folder, told = copied
    (folder / "model_float32.tflite").write_bytes((folder / "model_int8.tflite").read_bytes())
    told["forms"]["float32"]["sha256"] = told["forms"]["int8"]["sha256"]
    (folder / "model.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match=r"float32: .* to test vector \d"):
        verify.main([str(folder)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: told.update(version=2), "version"),
        (lambda told: told["input"].pop("mean"), "input: 'mean' is a required property"),
        (lambda told: told["forms"]["onnx"].update(sha256="?"), "forms.onnx.sha256"),
        (lambda told: told["vectors"]["patches"].pop(), "vectors.patches"),
        (lambda told: told["vectors"]["patches"][3].pop(), "the test vectors are no patches"),
        (lambda told: told["input"].update(mean=[0.1] * told["input"]["channels"], normalised=True), None),
        (lambda told: told["forms"]["float32"].update(file="../x"), "forms.float32.file"),
        (lambda told: told["vectors"]["expected"].pop("int8"), "int8: model_int8.tflite has no test vectors"),
    ],
)
def test_a_contract_that_is_broken_is_one_line(copied, change, words):
    folder, told = copied
    change(told)
    (folder / "model.json").write_text(json.dumps(told))
    if words is None:  # what the whole set says of its input is for people; each form says its own
        verify.main([str(folder)])
        return
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        verify.main([str(folder)])


def test_a_folder_without_contract_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no contract can be read"):
        verify.main([str(tmp_path)])


def wrong_mean(network):
    return dataclasses.replace(network, offset=tuple(value + 0.02 for value in network.offset))


def wrong_order(network):
    last = network.dense[-1]
    turned = dataclasses.replace(last, weights=last.weights[:, [1, 2, 0]], bias=last.bias[[1, 2, 0]])
    return dataclasses.replace(network, dense=(*network.dense[:-1], turned))


def missing_normalisation(network):
    """The second convolution as it is without its batch normalisation."""
    first, second, *rest = network.convolutions
    bare = dataclasses.replace(second, bias=np.zeros_like(second.bias))
    return dataclasses.replace(network, convolutions=(first, bare, *rest))


@pytest.mark.parametrize(
    ("name", "breaks"),
    [("classifier", wrong_mean), ("detector", wrong_order), ("classifier", missing_normalisation)],
)
def test_a_broken_export_is_refused_and_leaves_what_was_there(tmp_path, monkeypatch, name, breaks):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32"))
    job = prepared(name, tmp_path)
    (tmp_path / "model_float32.tflite").write_text("of an earlier export")
    original = export_files.fold
    monkeypatch.setattr(export_files, "fold", lambda model: breaks(original(model)))
    with pytest.raises(UserError, match=r"the float32 form is not the trained model: .* where Keras gives"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model_float32.tflite"}
    assert (tmp_path / "model_float32.tflite").read_text() == "of an earlier export"


def test_normalised_input(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "int8", "onnx", "cpp"))
    job = prepared("classifier", tmp_path, normalised=True)
    told = deliver(job)
    assert told["forms"]["onnx"]["parity"]["max_difference"] < 1e-5
    assert told["forms"]["int8"]["parity"]["max_difference"] < 0.2
    assert [name for name, entry in told["forms"].items() if not entry["normalised"]] == ["keras", "cpp"]
    X = job.evidence.validation.X[:5]
    opened = runtimes.open_file(tmp_path / "model.onnx", "ONNX Runtime")
    scale, offset = model_json.scaling(told)
    np.testing.assert_allclose(
        opened.predict((X * scale + offset).astype(np.float32)), job.evidence.outputs[:5], atol=1e-5
    )
    card = write_card(tmp_path, told, "A test.", "numbers", "weak", ())
    assert "**NORMALISED: value / 255 - mean" in card.read_text()


def test_the_python_of_the_card_runs(delivered, monkeypatch):
    folder, _, told = delivered
    monkeypatch.chdir(folder)
    card = write_card(folder, told, "A test.", "numbers", "weak", (("missing.png", "?"),)).read_text()
    (folder / "README.md").unlink()
    assert "missing.png" not in card
    assert "**RAW 0..255" in card
    blocks = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    assert len(blocks) == 3
    for code in blocks:
        exec(compile(code, "card", "exec"), {})


def test_only_keras_and_nothing(tmp_path):
    job = prepared("classifier", tmp_path)
    for stale in ("model_int8.tflite", "model_float16.tflite"):
        (tmp_path / stale).write_text("of an earlier training")
    for export, proven in (("keras", True), ("none", False)):
        told = deliver(job, export)
        assert set(told["forms"]) == {"keras"}
        assert (told["forms"]["keras"]["latency_us"] is not None) == proven
        assert not list(tmp_path.glob("*.tflite"))
        (tmp_path / "model.json").write_text(model_json.text(told))
        verify.main([str(tmp_path)])


def test_without_a_compiler_the_header_is_there_but_not_called_fit(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "cpp"))
    job = prepared("classifier", tmp_path)
    original = runtimes.missing
    monkeypatch.setattr(runtimes, "missing", lambda name: "no C++ compiler" if name == "C++" else original(name))
    told = deliver(job)
    assert told["forms"]["cpp"]["fit"] is None
    assert told["forms"]["cpp"]["parity"] is None
    assert facts_of(told)["rejected_formats"] == 0
    card = write_card(tmp_path, told, "A test.", "numbers", "weak", ()).read_text()
    assert "**`model.h` is not proven**: not run when it was exported: no C++ compiler." in card
    (tmp_path / "model.json").write_text(model_json.text(told))
    monkeypatch.undo()
    verify.main([str(tmp_path)])  # where there is one


def test_calibration_is_the_same_draw_and_spans_the_byte():
    X = np.random.default_rng(0).integers(40, 200, (2000, 16, 16, 1), dtype=np.uint8)
    chosen = select_calibration(X)
    np.testing.assert_array_equal(chosen, select_calibration(X))
    assert chosen.shape == (513, 16, 16, 1)
    assert (chosen.min(), chosen.max()) == (0, 255)
    assert np.sum((chosen[-1] == 0) | (chosen[-1] == 255)) == 2
    assert len(select_calibration(np.full((1, 16, 16, 1), 7, np.uint8))) == 2
