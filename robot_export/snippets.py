"""Example code for loading an exported model, for the model card."""

from robot_export.model_json import Manifest


def loading(manifest: Manifest) -> str:
    """Python and C++ code for the model's formats, with its numbers filled in."""
    litert = "from ai_edge_litert.interpreter import Interpreter"
    header = "C++, only the header, the fastest (`ball_models.h` joins a classifier and a detector)"
    blocks = (
        ("float32", "Python, LiteRT", "python", lambda: _python(manifest, litert, _LITERT)),
        ("onnx", "Python, ONNX Runtime", "python", lambda: _python(manifest, "import onnxruntime", _ONNX)),
        ("cpp", header, "cpp", lambda: _header(manifest)),
        ("float32", "C++, the C API of TensorFlow Lite", "cpp", lambda: _tflite_c(manifest)),
        ("onnx", "C++, ONNX Runtime", "cpp", lambda: _onnx_cpp(manifest)),
        ("keras", "Keras", "python", lambda: _KERAS),
    )
    shown = [block for block in blocks if block[0] in manifest.formats]
    return "\n\n".join(f"{title}:\n\n```{language}\n{code()}```" for _, title, language, code in shown)


def _python(manifest: Manifest, imports: str, run: str) -> str:
    """Python code that runs a file on the test vectors of model.json."""
    given = manifest.input
    feed = 'raw.astype("float32")  # RAW 0..255'
    if given.normalised:
        feed = f'raw.astype("float32") * {given.scale!r} + {given.offset!r}  # NORMALISED'
    return f"""import json
from pathlib import Path

import numpy as np
{imports}

vectors = json.loads(Path("model.json").read_text())["vectors"]
raw = np.array(vectors["patches"], "uint8").reshape(-1, {_shape(manifest)[1]})  # [n, row, column, channel]
patches = {feed}
{run}"""


_KERAS = """import keras

model = keras.models.load_model("model.keras", compile=False)  # raw 0..255 in
"""
_LITERT = """network = Interpreter("model_float32.tflite", num_threads=1)
network.allocate_tensors()
source, answer = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]
for patch, expected in zip(patches, vectors["expected"]["float32"]):
    network.set_tensor(source, patch[None].astype("float32"))
    network.invoke()
    np.testing.assert_allclose(network.get_tensor(answer)[0], expected, atol=1e-4)
"""
_ONNX = """network = onnxruntime.InferenceSession("model.onnx")
answers = network.run(None, {"patch": patches.astype("float32")})[0]
np.testing.assert_allclose(answers, vectors["expected"]["onnx"], atol=1e-4)
"""


def _shape(manifest: Manifest) -> tuple[int, str]:
    sides = manifest.input.shape
    return sides[0] * sides[1] * sides[2], ", ".join(map(str, sides))


def _decision(manifest: Manifest, name: str) -> str:
    if not manifest.threshold:
        return "// answer: radius, center_x, center_y, fractions of the patch"
    return f"bool ball = answer[0] >= {manifest.threshold[name]:.9g}f;"


def _fill(manifest: Manifest) -> str:
    if not manifest.input.normalised:
        return "// patch[] holds raw 0..255, [row][column][channel]"
    return "// patch[] holds value / 255 - mean, [row][column][channel]"


def _header(manifest: Manifest) -> str:
    name = manifest.formats["cpp"].namespace
    size, _ = _shape(manifest)
    start = f"""#include "model.h"

const bool right = {name}::self_test();  // once, at start-up
std::uint8_t patch[{size}];  // RAW 0..255, [row][column][channel]
const {name}::Answer answer = {name}::predict(patch);
"""
    if manifest.threshold:
        return start + f"const bool ball = answer >= {name}::threshold;\n"
    return start + "// answer.radius, answer.x, answer.y: fractions of the patch\n"


def _tflite_c(manifest: Manifest) -> str:
    size, _ = _shape(manifest)
    return f"""#include "tensorflow/lite/c/c_api.h"

TfLiteModel* model = TfLiteModelCreateFromFile("model_float32.tflite");
TfLiteInterpreterOptions* options = TfLiteInterpreterOptionsCreate();
TfLiteInterpreterOptionsSetNumThreads(options, 1);
TfLiteInterpreter* network = TfLiteInterpreterCreate(model, options);
TfLiteInterpreterAllocateTensors(network);

float patch[{size}];  {_fill(manifest)}
float answer[{len(manifest.target["order"])}];
TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(network, 0), patch, sizeof patch);
TfLiteInterpreterInvoke(network);
TfLiteTensorCopyToBuffer(TfLiteInterpreterGetOutputTensor(network, 0), answer, sizeof answer);
{_decision(manifest, "float32")}
"""


def _onnx_cpp(manifest: Manifest) -> str:
    size, sides = _shape(manifest)
    return f"""#include <onnxruntime_cxx_api.h>

Ort::Env env;
Ort::SessionOptions options;
options.SetIntraOpNumThreads(1);
Ort::Session network(env, "model.onnx", options);

float patch[{size}];  {_fill(manifest)}
const int64_t shape[] = {{1, {sides}}};
const char* inputs[] = {{"patch"}};
const char* outputs[] = {{"output"}};
auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
auto input = Ort::Value::CreateTensor<float>(memory, patch, {size}, shape, 4);
auto result = network.Run(Ort::RunOptions{{nullptr}}, inputs, &input, 1, outputs, 1);
const float* answer = result[0].GetTensorData<float>();
{_decision(manifest, "onnx")}
"""
