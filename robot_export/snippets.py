"""How to load an exported model: the code of a model card."""

from robot_export.model_json import scaling


def loading(contract: dict) -> str:
    """Python and C++ for the forms that the contract lists, its numbers filled in."""
    parts = []
    if "float32" in contract["forms"]:
        parts += [f"Python, LiteRT:\n\n```python\n{_litert(contract)}```"]
    if "onnx" in contract["forms"]:
        parts += [f"Python, ONNX Runtime:\n\n```python\n{_onnx(contract)}```"]
    if "cpp" in contract["forms"]:
        what = "C++, the header alone, the fastest (`ball_models.h` joins a classifier and a detector)"
        parts += [f"{what}:\n\n```cpp\n{_header(contract)}```"]
    if "float32" in contract["forms"]:
        parts += [f"C++, the C API of TensorFlow Lite:\n\n```cpp\n{_tflite_c(contract)}```"]
    if "onnx" in contract["forms"]:
        parts += [f"C++, ONNX Runtime:\n\n```cpp\n{_onnx_cpp(contract)}```"]
    keras = 'import keras\n\nmodel = keras.models.load_model("model.keras", compile=False)  # raw 0..255 in\n'
    return "\n\n".join([*parts, f"Keras:\n\n```python\n{keras}```"])


def _feed(contract: dict) -> str:
    """The line of Python that makes the input of the raw patches."""
    if not contract["input"]["normalised"]:
        return 'patches = raw.astype("float32")  # RAW 0..255'
    scale, offset = scaling(contract)
    return f'patches = raw.astype("float32") * {scale!r} + {offset!r}  # NORMALISED'


def _litert(contract: dict) -> str:
    return f"""import json
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

contract = json.loads(Path("model.json").read_text())
raw = np.array(contract["vectors"]["patches"], "uint8").reshape(-1, {_shape(contract)[1]})  # [n, row, column, channel]
{_feed(contract)}
network = Interpreter("model_float32.tflite", num_threads=1)
network.allocate_tensors()
source, answer = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]
for patch, expected in zip(patches, contract["vectors"]["expected"]["float32"]):
    network.set_tensor(source, patch[None].astype("float32"))
    network.invoke()
    np.testing.assert_allclose(network.get_tensor(answer)[0], expected, atol=1e-4)
"""


def _onnx(contract: dict) -> str:
    return f"""import json
from pathlib import Path

import numpy as np
import onnxruntime

contract = json.loads(Path("model.json").read_text())
raw = np.array(contract["vectors"]["patches"], "uint8").reshape(-1, {_shape(contract)[1]})  # [n, row, column, channel]
{_feed(contract)}
network = onnxruntime.InferenceSession("model.onnx")
answers = network.run(None, {{"patch": patches.astype("float32")}})[0]
np.testing.assert_allclose(answers, contract["vectors"]["expected"]["onnx"], atol=1e-4)
"""


def _shape(contract: dict) -> tuple[int, str]:
    sides = [contract["input"][side] for side in ("height", "width", "channels")]
    return sides[0] * sides[1] * sides[2], ", ".join(map(str, sides))


def _decision(contract: dict, form: str) -> str:
    if "threshold" not in contract:
        return "// answer: radius, center_x, center_y, fractions of the patch"
    return f"bool ball = answer[0] >= {contract['threshold'][form]:.9g}f;"


def _fill(contract: dict) -> str:
    if not contract["input"]["normalised"]:
        return "// patch[] holds raw 0..255, [row][column][channel]"
    return "// patch[] holds value / 255 - mean, [row][column][channel]"


def _header(contract: dict) -> str:
    name = contract["forms"]["cpp"]["namespace"]
    size, _ = _shape(contract)
    start = f"""#include "model.h"

const bool right = {name}::self_test();  // once, at start-up
std::uint8_t patch[{size}];  // RAW 0..255, [row][column][channel]
const {name}::Answer answer = {name}::predict(patch);
"""
    if "threshold" in contract:
        return start + f"const bool ball = answer >= {name}::threshold;\n"
    return start + "// answer.radius, answer.x, answer.y: fractions of the patch\n"


def _tflite_c(contract: dict) -> str:
    size, _ = _shape(contract)
    return f"""#include "tensorflow/lite/c/c_api.h"

TfLiteModel* model = TfLiteModelCreateFromFile("model_float32.tflite");
TfLiteInterpreterOptions* options = TfLiteInterpreterOptionsCreate();
TfLiteInterpreterOptionsSetNumThreads(options, 1);
TfLiteInterpreter* network = TfLiteInterpreterCreate(model, options);
TfLiteInterpreterAllocateTensors(network);

float patch[{size}];  {_fill(contract)}
float answer[{len(contract["target"]["order"])}];
TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(network, 0), patch, sizeof patch);
TfLiteInterpreterInvoke(network);
TfLiteTensorCopyToBuffer(TfLiteInterpreterGetOutputTensor(network, 0), answer, sizeof answer);
{_decision(contract, "float32")}
"""


def _onnx_cpp(contract: dict) -> str:
    size, sides = _shape(contract)
    return f"""#include <onnxruntime_cxx_api.h>

Ort::Env env;
Ort::SessionOptions options;
options.SetIntraOpNumThreads(1);
Ort::Session network(env, "model.onnx", options);

float patch[{size}];  {_fill(contract)}
const int64_t shape[] = {{1, {sides}}};
const char* inputs[] = {{"patch"}};
const char* outputs[] = {{"output"}};
auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
auto input = Ort::Value::CreateTensor<float>(memory, patch, {size}, shape, 4);
auto result = network.Run(Ort::RunOptions{{nullptr}}, inputs, &input, 1, outputs, 1);
const float* answer = result[0].GetTensorData<float>();
{_decision(contract, "onnx")}
"""
