"""Scores a model on patch files: the same numbers and pictures as at the end of its training.

python evaluate.py MODEL FILE...
python -m classifier_cnn.evaluate MODEL FILE...
"""

import argparse
import csv
import importlib.util
import json
import math
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("keras") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), *sys.argv])  # noqa: S606  no environment is active: use the repository's

from common.cli import Parser, UserError, run_main  # noqa: E402
from common.models import find_model  # noqa: E402

FALLBACK_THRESHOLD = 0.5  # for a model that ships none


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras file, or the folder of a run")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="patch files (.h5), scored as one set")
    parser.add_argument(
        "--threshold",
        type=float,
        help="a score at or above it is a ball; default: the one in model.json beside the model, "
        f"else {FALLBACK_THRESHOLD}",
    )
    parser.add_argument(
        "--max-fpr",
        type=float,
        help="also report the threshold that these files would give for this highest false positive rate, in [0, 1)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="folder for the numbers, scores and pictures; default: a new evaluation-NAME in the working directory; "
        "a name that is taken gets a number",
    )
    arguments = parser.parse_args(argv)
    for name, low, high in (("threshold", 0, 2), ("max_fpr", 0, 1)):
        value = getattr(arguments, name)
        if value is not None and not low <= value < high:
            parser.error(f"--{name.replace('_', '-')} lies in [{low}, {high}). Received: {value}")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, writes and prints."""
    arguments = parse_args(argv)
    model_file = find_model(arguments.model)
    threshold, origin = read_threshold(model_file, arguments.threshold)

    from classifier_cnn import metrics
    from classifier_cnn.summary import group_table, table
    from common.files import new_folder, replacing
    from common.patches import concatenate, read_patches

    parts = [read_patches(path, "classification") for path in arguments.files]
    patches = concatenate(parts)
    scores = score(model_file, patches.X)
    name = model_file.parent.resolve().name if model_file.stem == "model" else model_file.stem
    folder = new_folder(arguments.output_dir or Path.cwd() / f"evaluation-{name}")
    files = None
    if len(parts) > 1:
        files = [path.name for path, part in zip(arguments.files, parts, strict=True) for _ in range(len(part))]
    result = report(folder, patches, scores, threshold, files=files)
    result["threshold_from"] = origin
    print(table({"": result["metrics"]}))
    print(group_table(result["groups"]))
    print(f"threshold {threshold:.6g}: {origin}")
    if arguments.max_fpr is not None:
        chosen = metrics.choose_threshold(patches.y, scores, arguments.max_fpr)
        result["chosen_on_these_files"] = vars(chosen)
        print(describe(chosen))
    sources = {"model": str(arguments.model), "files": [str(path) for path in arguments.files]}
    with replacing(folder / "evaluation.json") as partial:
        partial.write_text(json.dumps(sources | {"digest": patches.digest} | result, indent=2) + "\n", encoding="utf-8")
    print(f"numbers, scores and pictures: {folder}")


def read_threshold(model_file: Path, given: float | None) -> tuple[float, str]:
    """The threshold to judge by, and in words where it comes from.

    Raises:
        UserError: model.json lies beside the model and cannot be used.
    """
    if given is not None:
        return given, "from the command line"
    contract = model_file.with_name("model.json")
    if model_file.name != "model.keras" or not contract.is_file():
        return FALLBACK_THRESHOLD, "a plain default, the model ships none"
    try:
        value = json.loads(contract.read_text(encoding="utf-8"))["threshold"]["keras"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{contract}: no threshold can be read ({error!r}). Give one with --threshold.") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{contract}: the threshold is not a number. Received: {value!r}. Give one with --threshold.")
    return float(value), f"shipped with the model ({contract.name})"


def score(model_file: Path, X):
    """The score of every patch.

    Args:
        model_file: a .keras file.
        X: uint8 [n, height, width, channels].

    Returns:
        float32 [n].

    Raises:
        UserError: not a classifier for such patches, or one that gives no numbers.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
    import numpy as np

    from common.models import load_model
    from common.predicting import make_predictor

    scores = make_predictor(load_model(model_file, X.shape[1:], outputs=1))(X)[:, 0]
    if wrong := np.sum(~np.isfinite(scores)):
        raise UserError(f"{model_file}: the model gives scores that are no numbers. Received: {wrong} of {len(X)}.")
    return scores


def report(folder: Path, patches, scores, threshold: float, name: str = "", files=None) -> dict:
    """Computes every number of one set of patches, draws its pictures and writes one row per patch.

    Args:
        folder: an existing folder.
        patches: common.patches.Patches.
        scores: float32 [n].
        threshold: the one that is shipped.
        name: `validation`, `test`: comes before the names of the files and into the titles.
        files: str [n], the file of each patch, where several are scored as one.

    Returns:
        `metrics` (flat, baseline included) and `groups` (rows per file, camera and recording, where known).
    """
    from classifier_cnn import metrics, pictures
    from common.files import replacing

    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    result = {
        "metrics": metrics.evaluate(patches.y, scores, threshold) | metrics.baseline(patches.y, patches.X),
        "groups": metrics.evaluate_groups(patches.y, scores, threshold, **groups),
    }
    pictures.write_all(folder, patches.X, patches.y, scores, threshold, patches.recording, name)
    columns = {"index": range(len(scores)), "label": [int(label) for label in patches.y]}
    columns |= {"score": [f"{score:.9g}" for score in scores]}  # nine digits tell every float32 apart
    columns |= {group: values for group, values in groups.items() if values is not None}
    with (
        replacing(Path(folder) / f"{name}{'_' if name else ''}scores.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return result


def describe(chosen) -> str:
    """One line about a newly chosen `metrics.Threshold`."""
    rates = (("recall", chosen.recall), ("false positive rate", chosen.false_positive_rate))
    found = ", ".join(f"{what} {value:.2%}" for what, value in rates if value is not None)
    line = (
        f"chosen on these files for a false positive rate of at most {chosen.max_fpr:g}: {chosen.value:.9g} ({found})"
    )
    return line + (f"\nwarning: {chosen.warning}" if chosen.warning else "")


if __name__ == "__main__":
    sys.exit(run_main(main))
