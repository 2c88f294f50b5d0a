"""What scoring a model on patch files takes in every project: arguments, files, predictions, one row per patch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.cli.program import Parser
from common.errors import UserError

BRIGHTNESS_CLASSES = {"dark, mean Y below 70": 70, "mean Y 70 to 140": 140, "bright, mean Y 140 and more": 256}


def evaluation_parser(description: str) -> Parser:
    """A parser for `evaluate.py MODEL FILE... [--output-dir DIR]`; the project adds its own options."""
    parser = Parser(description=description)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras file, or the folder of a run")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="patch files (.h5), scored as one set")
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="folder for the numbers, scores and pictures; default: a new evaluation-NAME in the working directory; "
        "a name that is taken gets a number",
    )
    return parser


def read_files(paths: Sequence[Path], task: str):
    """Reads patch files as one set.

    Returns:
        common.datasets.patch_file.Patches, and the file of each patch, str [n], or None where there is only one.

    Raises:
        UserError: a file that no model could be scored on, or files that do not fit together.
    """
    from common.datasets.streaming import stored_patches

    patches = stored_patches(paths, task)
    names = [path.name for path, n in zip(paths, patches.X.lengths, strict=True) for _ in range(n)]
    return patches, names if len(paths) > 1 else None


def model_name(model_file: Path) -> str:
    """What to call a model: its run, where the file is just `model.keras`."""
    return model_file.parent.resolve().name if model_file.stem == "model" else model_file.stem


def predict_file(model_file: Path, X, outputs: int):
    """What a saved model says of every patch.

    Args:
        model_file: a .keras file.
        X: uint8 [n, height, width, channels].
        outputs: 1 for a classifier, 3 for a detector.

    Returns:
        float32 [n, outputs].

    Raises:
        UserError: no such model, not for such patches, or one that gives no numbers.
    """
    import numpy as np

    from common.training import devices
    from common.training.saved_model import load_model
    from common.training.predict import make_predictor

    devices.import_quietly()
    answers = make_predictor(load_model(model_file, X.shape[1:], outputs))(X)
    if wrong := np.sum(~np.isfinite(answers).all(1)):
        raise UserError(f"{model_file}: the model gives answers that are no numbers. Received: {wrong} of {len(X)}.")
    return answers


def mean_brightness(X):
    """Mean of Y of each patch, float [n]; X uint8 [n, h, w, c] is read in blocks, as it may lie in a file."""
    import numpy as np

    return np.concatenate([X[start : start + 8192][..., 0].mean((1, 2)) for start in range(0, len(X), 8192)])


def brightness_class(mean_y):
    """The class of brightness of each patch, str [n], by its mean of Y, [n]: dark ones are the first to fail."""
    import numpy as np

    edges = list(BRIGHTNESS_CLASSES.values())[:-1]
    return np.array(list(BRIGHTNESS_CLASSES))[np.digitize(mean_y, edges)]


def write_rows(path: Path, columns: Mapping[str, Sequence | None]) -> None:
    """Writes columns of equal length as CSV, replacing an earlier file in one step; those that are None are left out.

    Floats get nine digits, which tell every float32 apart.
    """
    import numpy as np

    from common.atomic_files import replacing

    columns = {name: values for name, values in columns.items() if values is not None}
    columns = {
        name: [f"{value:.9g}" for value in values] if np.asarray(values).dtype.kind == "f" else values
        for name, values in columns.items()
    }
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
