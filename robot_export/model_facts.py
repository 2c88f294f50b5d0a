"""What the robot side and later tools have to know of a model: the facts of `model.json` that a training knows."""

import numpy as np

from common.cli.training_options import TrainingOptions
from common.datasets.load import Splits
from common.datasets.sampling import RULES
from robot_export.cost import count_cost

COLOURS = {1: "Y of YUV422", 2: "Y, and U (even columns) and V (odd columns) of YUV422 interleaved"}
RAW = "RAW 0..255: scale and mean are inside the files"
NORMALISED = "NORMALISED: value / 255 - mean per channel; model.keras, model.h and the uint8 file take raw 0..255"


def describe_model(model, project: str, options: TrainingOptions, splits: Splits, run, **more) -> dict:
    """Describes a trained model as plain JSON values.

    Args:
        model: the keras.Model that is shipped.
        run: common.runs.run_folder.RunFolder; its provenance is that of the start: the code may have changed overnight.
        **more: what only the project knows: thresholds, target order, metrics.
    """
    return {
        "version": 1,
        "project": project,
        "status": "killed" if run.stop() else "finished",
        "input": describe_input(model, options.input == "normalised", splits.train.sampling),
        "cost": count_cost(model),
        "datasets": {
            split: {
                "name": splits.name,
                "source": splits.origin[split],
                "digest": part.digest,
                "patches": len(part),
            }
            for split, part in splits.parts.items()
        },
        "synthetic_fallback": splits.substituted,
        "options": options.as_json(),
        "provenance": run.provenance,
        **more,
    }


def describe_input(model, normalised: bool, sampling: str | None = None) -> dict:
    """What the files of a model take, from the patch in the camera image to the numbers.

    Args:
        sampling: the rule that its patches were sampled by, a key of `RULES`; None where it is not known.
    """
    height, width, channels = model.input_shape[1:]
    scale = next(layer for layer in model.layers if type(layer).__name__ == "Rescaling")
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "layout": "[row][column][channel], upright",
        "colour": COLOURS[channels] + ", Pillow's RGB to YCbCr",
        "normalised": normalised,
        "range": NORMALISED if normalised else RAW,
        "scale": float(scale.scale),
        "mean": [-float(offset) for offset in np.ravel(scale.offset)],
        "sampling": RULES[sampling or "centres"],
        **({"sampling_rule": sampling} if sampling else {}),
    }
