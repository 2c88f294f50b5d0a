"""Writes the section of the model card about robots: which C++ header to use, and how to install it on each robot."""

from common.datasets.sampling_rules import RULES
from robot_export.layout import OWN, Layout
from robot_export.model_json import Manifest
from robot_export.robots import ROBOTS

_COMPILED_NN = "CompiledNN's approximate sigmoid is off by up to 0.01; `useExpApproxInSigmoid = false` makes it exact."
_STEPS = {
    "naoth": (
        "Copy three files to the folder of `Fy1500_Conf.h`: the classifier's `model.h` as `ball_classifier.h`, the "
        "detector's `model.h` as `ball_detector.h`, and `naoth_finder.h`. "
        "Register `NaothFinder` in `CNNBallDetector.cpp` like the other detectors.",
        "Leave `meanBrightnessOffset` at 0, because the header contains the mean. "
        "A positive value makes the patches darker, as in NaoTH's code.",
        "It reads patches of 5-byte pixels, column by column, without a copy. Use its thresholds, or `isBall()`.",
    ),
    "naoth-tflite": (
        'Copy `{file}` to `Config/` and register `TFLiteModelNaoTH{suffix}("{file}", {flags})`.',
        "This loader ADDS the mean: its `meanBrightnessOffset` is **{minus_mean}**, negative.",
        "It fills the input column by column, as the file expects. With row-by-row input, x and y would be swapped.",
    ),
    "naoth-h5": (
        "With TensorFlow 2.15 and frugally-deep 0.15: `python convert_model.py {file} fdeep_model.json`.",
        "Copy `fdeep_model.json` to `Config/`; `meanBrightnessOffset` is **{mean}**; the code subtracts it.",
    ),
    "b-human": (
        "Copy `{file}` to `Config/NeuralNets/BallAndPenaltyMarkPerceptor/` and name it in `multiheadName`.",
        "Set `useFloat` to false and `useGrayScaledImage` to true. The score of a penalty mark is always 0.",
        "The side of their patches is 3.5 times the ball's radius (`ballAreaFactor`): train on such patches.",
        _COMPILED_NN,
    ),
    "hulks": (
        "Copy `{file}` to `etc/neural_networks/{hulks}.hdf5`; a classifier may also be named `preclassifier.hdf5`.",
        "The unit of the radius is half the patch's side. Pixels outside the image have the value 128.",
        _COMPILED_NN,
    ),
    "runswift": (
        "Copy `{file}` to the folder with the robot's networks. It takes Y / 255; no mean is subtracted.",
        _COMPILED_NN,
    ),
    "nao-devils": (
        "Copy `{file}` to `Config/` in place of the network that also outputs a position. "
        "It takes bytes and outputs floats.",
        "Their code applies the sigmoid to all outputs. The file's x and y are 0, which becomes 0.5: the centre.",
    ),
    "nomadz": (
        "Copy `{file}` and name it in `pathToModel`; set `applyNormalization` and `useRadiusRegression` to false.",
    ),
    "spqr": ("Copy `{file}` to `Config/NeuralNets/BallPerceptor/`. It takes raw float values, 0 to 255.",),
    "dutch-nao-team": (
        "Copy `{file}` to the folder with the robot's networks. It takes bytes; their code applies the sigmoid.",
        "On processors with AMX, OpenVINO computes in bf16, with an error of 0.006: "
        "set `INFERENCE_PRECISION_HINT` to f32.",
    ),
}
# the flags has_radius, has_center, has_confidence of NaoTH's loader
_LOADS = {"classifier": "", "detector": "true, true, false", "joint": "true, true, true"}


def robots(manifest: Manifest) -> list[str]:
    """Writes the section as a list of Markdown paragraphs; the list is empty if no robot was chosen."""
    parts = [text for name, chosen in (manifest.robots or {}).items() for text in _robot(manifest, name, chosen)]
    return ["## Put it on this robot", *parts] if parts else []


def _robot(manifest: Manifest, name: str, chosen: dict[str, str]) -> list[str]:
    """Writes the heading and list for one robot; `chosen` is its entry in model.json."""
    robot, file, given = ROBOTS[name], manifest.formats[chosen["form"]], manifest.input
    layout, size, mean, classifier = Layout.of(file, given), given.width, given.mean[0], chosen["kind"] == "classifier"
    outputs = layout.outputs or OWN[1 if classifier else 3]
    words = {
        "file": file.file,
        "mean": f"{mean:.9g}",
        "minus_mean": f"{-mean:.9g}",
        "suffix": "32" if size == 32 else "",
        "flags": _LOADS[chosen["kind"]],
        "hulks": "classifier" if classifier else "positioner",
    }
    order = "[column][row]" if layout.columns else "[row][column]"
    scaled = "raw Y" if layout.scale == 1 else f"Y * {layout.scale:.9g}"
    fed = scaled + (f" - {mean:.9g}" if any(layout.offset) else "")
    rule = given.sampling_rule
    other = "" if rule == robot.sampling else f" **The sampling rule of this model's patches is {rule or 'unknown'}.**"
    lines = [
        *(step.format(**words) for step in _STEPS[name]),
        f"Input: {size}x{size}, {order}, {layout.dtype}, {fed}.",
        f"Outputs: {', '.join(outputs)}" + ("; px are pixels of the patch." if "px" in str(outputs) else "."),
        f"Sampling rule {robot.sampling}: {RULES[robot.sampling]}.{other}",
        _proof(manifest, chosen["form"]),
    ]
    return [f"### {name}: {robot.loader}", "\n".join(f"- {line}" for line in lines)]


def _proof(manifest: Manifest, name: str) -> str:
    parity = manifest.formats[name].parity
    if not parity:
        return "**Not checked yet**: `python3 robot_export/verify.py FOLDER` runs it on a machine with its runtime."
    line = f"On the {parity['patches']:,} validation patches it differs from Keras by at most "
    line += f"{parity['max_difference']:.2g}"
    return line + (f"; threshold {manifest.threshold[name]:.6g}." if manifest.threshold else ".")


def header_to_take(manifest: Manifest) -> str | None:
    """Says which of the two C++ headers to use on the robot, and why; returns None unless both were exported."""
    files = manifest.formats
    if "cpp" not in files or "int16" not in files:
        return None
    whole, exact = files["int16"], files["cpp"]
    if whole.accepted is None:
        return "Use `model.h` on the robot: `model_int16.h` was not run here."
    if not whole.accepted:
        return f"Use `model.h` on the robot: `model_int16.h` is rejected ({'; '.join(whole.reasons)})."
    numbers, fast, slow = whole.parity, whole.latency_us["median"], exact.latency_us["median"]
    changed = f", {numbers['flips']} decisions change at Keras's threshold" if "flips" in numbers else ""
    clamped, of = (sum(counts) for counts in zip(*whole.clamped.values(), strict=True))
    return (
        "Use **`model_int16.h`** on the robot. It computes in int16 and is twice as fast as `model.h` on the NAO's "
        f"processor; on this machine it took {fast:.2f} us per patch instead of {slow:.2f}. On validation its outputs "
        f"differ from Keras's by at most {numbers['max_difference']:.2g}{changed}, and {clamped:,} of {of:,} "
        "activations were clamped. `model.h` has the same functions and computes in float32."
    )
