"""Builds the content of model.json for a trained model that has not been exported yet."""

import numpy as np

from common.cli.training_options import TrainingOptions
from common.datasets.load import Splits
from common.datasets.patch_file import Patches
from common.datasets.sampling_rules import RULES
from common.provenance import provenance
from robot_export.cost import count_cost
from robot_export.model_json import Input, Manifest

COLOURS = {1: "Y of YUV422", 2: "Y, and U (even columns) and V (odd columns) of YUV422 interleaved"}
RAW = "RAW 0..255: scale and mean are inside the files"
NORMALISED = "NORMALISED: value / 255 - mean per channel; model.keras, model.h and the uint8 file take raw 0..255"


def describe_run(model, options: TrainingOptions, splits: Splits, run, **known) -> Manifest:
    """Describes the keras.Model of a run; known: the fields whose values only the project knows.

    run: common.runs.run_folder.RunFolder. The provenance was recorded at the start of the run, because the code may
    change during training.
    """
    return Manifest(
        version=1,
        status="killed" if run.stop() else "finished",
        input=describe_input(model, options.input == "normalised", splits.train.sampling),
        cost=count_cost(model),
        datasets={name: _dataset(part, splits.names[name], splits.origin[name]) for name, part in splits.parts.items()},
        synthetic_fallback=splits.substituted,
        options=options.as_json(),
        provenance=run.provenance,
        **known,
    )


def describe_model(model, parts: dict[str, Patches], normalised: bool, **known) -> Manifest:
    """Describes a keras.Model that does not belong to a run.

    No training data is known except the patch files from the command line.
    parts: the train and validation splits. normalised: whether the TFLite and ONNX files take normalised values.
    """
    return Manifest(
        version=1,
        status="exported",
        input=describe_input(model, normalised, parts["validation"].sampling),
        cost=count_cost(model),
        datasets={split: describe_files(part) for split, part in parts.items()},
        synthetic_fallback=False,
        options=None,
        provenance=provenance(),
        metrics={},
        **known,
    )


def describe_input(model, normalised: bool, sampling: str | None = None) -> Input:
    """Describes the input of a model's files: how it is computed from the camera picture.

    sampling: the sampling rule of the model's patches, a key of `RULES`; None if unknown.
    """
    height, width, channels = model.input_shape[1:]
    scale = next(layer for layer in model.layers if type(layer).__name__ == "Rescaling")
    return Input(
        height=height,
        width=width,
        channels=channels,
        layout="[row][column][channel], upright",
        colour=COLOURS[channels] + ", Pillow's RGB to YCbCr",
        normalised=normalised,
        range=NORMALISED if normalised else RAW,
        scale=float(scale.scale),
        mean=[-float(offset) for offset in np.ravel(scale.offset)],
        sampling=RULES[sampling or "centres"],
        sampling_rule=sampling,
    )


def describe_files(part: Patches) -> dict:
    """Describes a split that was read from files."""
    names = ", ".join(part.files)
    return _dataset(part, names, names)


def _dataset(part: Patches, name: str, source: str) -> dict:
    return {"name": name, "source": source, "digest": part.digest, "patches": len(part)}


def header_constants(manifest: Manifest) -> dict[str, str | int | float]:
    """Returns the values from model.json that become constants in the C++ header, by their names in the header."""
    given, target = manifest.input, manifest.target
    constants = {
        "contract_version": manifest.version,
        "input_range": "raw 0..255; scale and mean are inside",
        "input_scale": given.scale,
        "input_mean": ", ".join(f"{mean:.9g}" for mean in given.mean),
        "input_layout": given.layout,
        "input_colour": given.colour,
        "sampling_rule": given.sampling,
        "target_order": ", ".join(target["order"]),
        "target_units": target["units"],
        "git_commit": manifest.provenance["commit"],
    }
    if promise := (manifest.threshold_choice or {}).get("promise"):
        constants["threshold_promise"] = promise
    numbers = manifest.metrics.get("validation", {})
    # The guaranteed maximum of the false positive rate, and the upper limit of its confidence interval.
    for name in ("false_positive_bound", "false_positive_rate_high"):
        if name in numbers:
            constants[name] = float(numbers[name])
    return constants | {f"{split}_digest": data["digest"] for split, data in manifest.datasets.items()}
