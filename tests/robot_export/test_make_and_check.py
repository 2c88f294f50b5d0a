"""Every format of both families runs in its real runtime; a broken one is detected, and nothing is exported."""

import dataclasses
import resource
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from common.errors import UserError
from robot_export import model_json, plan_files, runtimes, verify, verify_one_file
from robot_export.calibration import select_calibration
from robot_export.card import write_card
from robot_export.cpp import int16_reference
from robot_export.finish_export import finish_export, tracked_facts
from robot_export.formats import CHOICES, FORMATS
from robot_export.layout import Layout
from robot_export.make_and_check import deliver

from .jobs import make_job

SETUPS = {"classifier": {"side": 16, "channels": 1}, "detector": {"side": 32, "channels": 2}}


def prepared(name: str, folder, normalised: bool = False):
    """Saves a model in `folder` and returns its job; its 203 patches are not a multiple of any batch size."""
    return make_job(folder, name, normalised=normalised, **SETUPS[name])


@pytest.fixture(scope="module", params=SETUPS)
def delivered(request, tmp_path_factory):
    """A folder with every format, the job that made them, and the record of model.json."""
    folder = tmp_path_factory.mktemp(request.param)
    job = prepared(request.param, folder)
    return folder, job, deliver(job)


def test_every_format_is_made_checked_and_timed(delivered):
    folder, _, told = delivered
    assert set(told.formats) == set(FORMATS)
    assert {path.name for path in folder.iterdir()} == {each.file for each in FORMATS.values()} | {
        "model.json",
        "README.md",
        "report.html",
        "ball_models.h",
        "naoth_finder.h",
    }
    for name, file in told.formats.items():
        assert file.parity["patches"] == 203
        if FORMATS[name].exact:
            assert file.parity["max_difference"] < 1e-5
            assert file.accepted
        assert 0 < file.latency_us["median"] <= file.latency_us["p95"]
    assert told.formats["uint8"].parity["max_difference"] > told.formats["float32"].parity["max_difference"]
    assert model_json.read(folder) == told


def test_the_int16_header_has_its_own_threshold_and_the_card_says_which_header_to_take(delivered, tmp_path):
    folder, job, told = delivered
    file, text = told.formats["int16"], (folder / "model_int16.h").read_text()
    assert 1e-6 < file.parity["max_difference"] < 2e-3
    assert file.clamped.keys() == {"conv1", "conv2", "conv3", "conv4", "dense"}
    assert file.tolerance == told.formats["cpp"].tolerance
    if told.threshold:
        assert f"static const float threshold = {np.float32(told.threshold['int16']):.9g}f;" in text
    cards = []
    for accepted, reasons in ((True, []), (False, ["bad"]), (None, [])):
        changed = dataclasses.replace(file, accepted=accepted, reasons=reasons)
        changed = dataclasses.replace(told, formats=told.formats | {"int16": changed})
        write_card(job, changed, tmp_path)
        cards.append((tmp_path / "README.md").read_text())
    assert "Use **`model_int16.h`** on the robot." in cards[0]
    assert "Use `model.h` on the robot: `model_int16.h` is rejected (bad)." in cards[1]
    assert "Use `model.h` on the robot: `model_int16.h` was not run here." in cards[2]


def test_an_int16_header_that_differs_from_the_reference_is_not_shipped(tmp_path, monkeypatch):
    job = prepared("classifier", tmp_path)
    monkeypatch.setitem(CHOICES, "all", ("keras", "int16"))
    monkeypatch.setattr(int16_reference, "ONE", 2)  # rounds products differently
    with pytest.raises(UserError, match="the int16 format does not output the expected bits"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras"}


def test_batch_normalisation_is_folded_and_uint8_is_int8_throughout(delivered):
    from ai_edge_litert.interpreter import Interpreter

    folder, _, _ = delivered
    known = {"ADD", "CONV_2D", "MAX_POOL_2D", "LEAKY_RELU", "RESHAPE", "FULLY_CONNECTED", "LOGISTIC", "DELEGATE"}
    for name in ("float32", "uint8"):
        network = Interpreter(model_path=str(folder / FORMATS[name].file))
        operators = [each["op_name"] for each in network._get_ops_details()]
        assert set(operators) - {"QUANTIZE", "DEQUANTIZE"} <= known
        assert operators.count("ADD") == 1  # subtracts the mean
        if name == "uint8":
            (answer,) = network.get_output_details()
            kinds = {tensor["dtype"] for tensor in network.get_tensor_details() if tensor["index"] != answer["index"]}
            assert kinds <= {np.int8, np.uint8, np.int32}
            assert answer["dtype"] is np.float32


# The highest version of each operator in files that TFLite 2.10 and 2.15 have loaded in our tests.
TFLITE_2_10 = {"QUANTIZE": 1, "DEQUANTIZE": 2, "ADD": 2, "CONV_2D": 3, "MAX_POOL_2D": 2, "LEAKY_RELU": 1}
TFLITE_2_10 |= {"RESHAPE": 1, "FULLY_CONNECTED": 4, "LOGISTIC": 2}


@pytest.mark.parametrize("name", ["float32", "uint8"])
def test_tflite_files_contain_no_operator_newer_than_tflite_2_10(delivered, name):
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf((delivered[0] / FORMATS[name].file).read_bytes(), 0)
    names = {number: word for word, number in vars(schema.BuiltinOperator).items()}
    for code in model.operatorCodes:
        operator = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        assert code.version <= TFLITE_2_10[operator], operator


def test_old_runtimes_can_load_the_onnx_file(delivered):
    import onnx

    model = onnx.load(delivered[0] / "model.onnx")
    assert ([opset.version for opset in model.opset_import], model.ir_version) == ([13], 7)
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert [[a.i for a in node.attribute if a.name == "transB"] for node in products] == [[1], [1]]


def test_the_uint8_format_takes_raw_bytes(delivered):
    folder, _, told = delivered
    assert told.formats["uint8"].quantised == {"scale": 1.0, "zero_point": 0}
    opened = runtimes.open_file(folder / "model_uint8.tflite", "LiteRT")
    assert opened.quantised == (1.0, 0)


def test_a_batch_gives_the_same_as_single_patches(delivered):
    folder, job, told = delivered
    for name in ("float32", "h5", "onnx"):
        opened = runtimes.open_file(folder / FORMATS[name].file, FORMATS[name].runtime)
        values = Layout.of(told.formats[name], told.input).feed(job.source.validation.X[:12])
        single = np.concatenate([opened.predict(value[None]) for value in values])
        np.testing.assert_allclose(opened.predict(values), single, atol=1e-6)


def test_verify_accepts_every_file(delivered, capsys):
    folder, _, _ = delivered
    verify.main([str(folder), "--all"])
    assert capsys.readouterr().out.endswith(f"{len(FORMATS)} of {len(FORMATS)} files checked here\n")


def wrong_mean(network):
    return dataclasses.replace(network, offset=tuple(value + 0.02 for value in network.offset))


def wrong_order(network):
    last = network.dense[-1]
    turned = dataclasses.replace(last, weights=last.weights[:, [1, 2, 0]], bias=last.bias[[1, 2, 0]])
    return dataclasses.replace(network, dense=(*network.dense[:-1], turned))


def missing_normalisation(network):
    """The network with a second convolution that lacks the bias of its batch normalisation."""
    first, second, *rest = network.convolutions
    bare = dataclasses.replace(second, bias=np.zeros_like(second.bias))
    return dataclasses.replace(network, convolutions=(first, bare, *rest))


@pytest.mark.parametrize(
    ("name", "breaks"),
    [("classifier", wrong_mean), ("detector", wrong_order), ("classifier", missing_normalisation)],
)
def test_a_broken_export_is_refused_and_leaves_existing_files_unchanged(tmp_path, monkeypatch, name, breaks):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32"))
    job = prepared(name, tmp_path)
    (tmp_path / "model_float32.tflite").write_text("of an earlier export")
    original = plan_files.fold
    monkeypatch.setattr(plan_files, "fold", lambda model: breaks(original(model)))
    with pytest.raises(UserError, match=r"the float32 format differs from the trained model: .* Keras"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model_float32.tflite"}
    assert (tmp_path / "model_float32.tflite").read_text() == "of an earlier export"


def test_normalised_input(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "uint8", "onnx", "cpp"))
    job = prepared("classifier", tmp_path, normalised=True)
    told = deliver(job)
    assert told.formats["onnx"].parity["max_difference"] < 1e-5
    assert told.formats["uint8"].parity["max_difference"] < 0.2
    assert [name for name, file in told.formats.items() if not file.normalised] == ["keras", "uint8", "cpp"]
    X = job.source.validation.X[:5]
    opened = runtimes.open_file(tmp_path / "model.onnx", "ONNX Runtime")
    scale, offset = told.input.scale, told.input.offset
    np.testing.assert_allclose(
        opened.predict((X * scale + offset).astype(np.float32)), job.source.outputs[:5], atol=1e-5
    )
    assert "**NORMALISED: value / 255 - mean" in (tmp_path / "README.md").read_text()


def test_the_python_of_the_card_runs(delivered, monkeypatch):
    folder, _, _ = delivered
    monkeypatch.chdir(folder)
    card = (folder / "README.md").read_text()
    assert "![" not in card  # there are no pictures
    assert "**RAW 0..255" in card
    blocks = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    assert len(blocks) == 3
    for code in blocks:
        exec(compile(code, "card", "exec"), {})


def test_only_keras_and_nothing(tmp_path):
    job = prepared("classifier", tmp_path)
    for stale in ("model_int8.tflite", "model_float16.tflite"):
        (tmp_path / stale).write_text("of an earlier run")
    for export, checked in (("keras", True), ("none", False)):
        told = deliver(job, export)
        assert set(told.formats) == {"keras"}
        assert (told.formats["keras"].latency_us is not None) == checked
        assert not list(tmp_path.glob("*.tflite"))
        assert (tmp_path / "README.md").exists() == (tmp_path / "report.html").exists() == checked
        assert model_json.read(tmp_path) == told


def test_a_disk_that_fills_at_the_last_file_leaves_the_earlier_export(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "onnx"))
    job = prepared("classifier", tmp_path)
    (tmp_path / "validation_curves.png").write_bytes(b"of the earlier export")
    deliver(job)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    large = dataclasses.replace(job.project, group_table=lambda rows, shown: "x" * 5_000 * shown)
    manifest = dataclasses.replace(job.source.manifest, threshold={"keras": 0.125})
    job = dataclasses.replace(job, project=large)

    def evaluate(folder):
        (folder / "validation_curves.png").write_bytes(b"new")
        return {"validation": {"metrics": {"recall": 0.5}, "groups": []}}

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, limits[1]))  # only report.html is larger: 200 slices
    try:
        with pytest.raises(UserError, match=rf"^{tmp_path}/report\.html cannot be written: File too large"):
            finish_export(job, manifest, evaluate)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    finish_export(job, manifest, evaluate)
    assert (tmp_path / "validation_curves.png").read_bytes() == b"new"
    for file in ("model.json", "README.md", "report.html"):
        assert "0.125" in (tmp_path / file).read_text()


def test_an_export_waits_for_another_one_and_removes_what_a_killed_one_left(tmp_path, capsys):
    job, started, may_end = prepared("classifier", tmp_path), Event(), Event()
    (tmp_path / ".export.killed").mkdir()
    (tmp_path / ".export.killed" / "model.onnx").write_text("half")

    def slow(folder):
        (folder / "validation_curves.png").write_bytes(b"of the first")
        started.set()
        assert may_end.wait(60)
        return job

    with ThreadPoolExecutor() as threads:
        first = threads.submit(deliver, job, "none", slow)
        assert started.wait(60)
        assert not (tmp_path / ".export.killed").exists()
        second = threads.submit(deliver, job, "none")
        while "waiting for another export to" not in capsys.readouterr().err:
            assert not second.done()
        assert len(list(tmp_path.glob(".export.*/validation_curves.png"))) == 1
        may_end.set()
        assert first.result() == second.result()
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model.json", "validation_curves.png"}


@pytest.mark.parametrize("name", ["model_float32.tflite", "model_int8.tflite", "README.md"])
def test_a_folder_with_the_name_of_a_file_stops_an_export_before_it_writes(tmp_path, name):
    job = prepared("classifier", tmp_path)
    (tmp_path / name).mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"it is a folder\. Received: "):
        deliver(job)
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_compiler_the_headers_are_written_but_not_accepted(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "cpp", "int16"))
    job = prepared("classifier", tmp_path)
    original = runtimes.missing
    monkeypatch.setattr(runtimes, "missing", lambda name: "no C++ compiler" if name == "C++" else original(name))
    told = deliver(job)
    assert told.formats["cpp"].accepted is None
    assert told.formats["cpp"].parity is None
    assert tracked_facts(told)["rejected_formats"] == 0
    card = (tmp_path / "README.md").read_text()
    assert "**`model.h` has not been checked**: not run during the export: no C++ compiler." in card
    monkeypatch.undo()
    for name in ("cpp", "int16"):  # now there is a compiler
        assert verify_one_file.check_file(tmp_path, told, name).startswith("unchanged")


def test_calibration_is_reproducible_and_covers_0_to_255():
    X = np.random.default_rng(0).integers(40, 200, (2000, 16, 16, 1), dtype=np.uint8)
    chosen = select_calibration(X)
    np.testing.assert_array_equal(chosen, select_calibration(X))
    assert chosen.shape == (513, 16, 16, 1)
    assert (chosen.min(), chosen.max()) == (0, 255)
    assert np.sum((chosen[-1] == 0) | (chosen[-1] == 255)) == 2
    assert len(select_calibration(np.full((1, 16, 16, 1), 7, np.uint8))) == 2
