"""Writes the code examples for the model card, which show how to load an exported model."""

from robot_export.model_json import Manifest

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


def loading(manifest: Manifest) -> str:
    """Writes Python and C++ code for the model's formats, with its sizes and constants filled in."""
    litert = _python(manifest, "from ai_edge_litert.interpreter import Interpreter") + _LITERT
    header = "C++, the fastest format; only the header is needed (`ball_models.h` joins a classifier and a detector)"
    blocks = {
        "float32": ("Python, LiteRT", "python", litert),
        "onnx": ("Python, ONNX Runtime", "python", _python(manifest, "import onnxruntime") + _ONNX),
        "cpp": (header, "cpp", _header(manifest)),
        "keras": ("Keras", "python", _KERAS),
    }
    shown = [block for name, block in blocks.items() if name in manifest.formats]
    return "\n\n".join(f"{title}:\n\n```{language}\n{code}```" for title, language, code in shown)


def _python(manifest: Manifest, imports: str) -> str:
    """Writes Python code that converts the test vectors of model.json to the input of a file."""
    given = manifest.input
    feed = 'raw.astype("float32")  # RAW 0..255'
    if given.normalised:
        feed = f'raw.astype("float32") * {given.scale!r} + {given.offset!r}  # NORMALISED'
    sides = ", ".join(map(str, given.shape))
    return f"""import json
from pathlib import Path

import numpy as np
{imports}

vectors = json.loads(Path("model.json").read_text())["vectors"]
raw = np.array(vectors["patches"], "uint8").reshape(-1, {sides})  # [n, row, column, channel]
patches = {feed}
"""


def _header(manifest: Manifest) -> str:
    if "cpp" not in manifest.formats:
        return ""
    name, given = manifest.formats["cpp"].namespace, manifest.input
    code = f"""#include "model.h"

const bool right = {name}::self_test();  // once, at start-up
std::uint8_t patch[{given.height * given.width * given.channels}];  // RAW 0..255, [row][column][channel]
const {name}::Answer answer = {name}::predict(patch);
"""
    if manifest.threshold:
        return code + f"const bool ball = answer >= {name}::threshold;\n"
    return code + "// answer.radius, answer.x, answer.y: fractions of the patch\n"
