"""Scores a model on patch files: the same numbers and pictures as at the end of its training.

python3 evaluate.py MODEL FILE...
python3 classifier_cnn/evaluate.py MODEL FILE...
"""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import CONFIDENCE, add_limit, check_limit
from common.atomic_files import new_folder, replacing
from common.cli.evaluation_options import evaluation_parser
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from common.cli.training_options import TrainingOptions
from common.training.model_path import FALLBACK_THRESHOLD, find_model, read_threshold


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = evaluation_parser((__doc__ or " ").splitlines()[0])
    parser.add_argument(
        "--threshold",
        type=float,
        help="a score at or above it is a ball; default: the one in model.json beside the model, "
        f"else {FALLBACK_THRESHOLD}",
    )
    add_limit(parser, "also report the threshold that these files would give for it")
    arguments = parser.parse_args(argv)
    if arguments.threshold is not None and not 0 <= arguments.threshold < 2:
        parser.error(f"--threshold lies in [0, 2). Received: {arguments.threshold}")
    check_limit(arguments.max_fpr, arguments.confidence)
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, writes and prints."""
    arguments = parse_args(argv)
    model_file = find_model(arguments.model)
    threshold, origin = read_threshold(model_file, arguments.threshold)
    from common.datasets.load import read_files

    patches, files = read_files(arguments.files, "classification")
    with quiet_stderr():
        from classifier_cnn.report import report
        from classifier_cnn.robustness import sheet
        from classifier_cnn.summary import group_table, table
        from classifier_cnn.threshold import choose_threshold
        from common.runs.evaluation import model_name, predict_file
        from common.training.predict import make_predictor
        from common.training.saved_model import load_model
    scores = predict_file(model_file, patches.X, outputs=1)[:, 0]
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"evaluation-{model_name(model_file)}")
    confidence = CONFIDENCE if arguments.confidence is None else arguments.confidence
    result = report(folder, patches, scores, threshold, files=files, confidence=confidence)
    sheet(folder, result, make_predictor(load_model(model_file, patches.X.shape[1:], 1)), patches, threshold)
    result["threshold_from"] = origin
    print(table({"": result["metrics"]}))
    print(group_table(result["groups"]))
    print(f"threshold {threshold:.6g}: {origin}")
    if arguments.max_fpr is not None:
        chosen = choose_threshold(patches.y, scores, arguments.max_fpr, confidence)
        result["chosen_on_these_files"] = vars(chosen)
        print(describe(chosen))
    sources = {"model": str(arguments.model), "files": [str(path) for path in arguments.files]}
    with replacing(folder / "evaluation.json") as partial:
        partial.write_text(json.dumps(sources | {"digest": patches.digest} | result, indent=2) + "\n", encoding="utf-8")
    print(f"numbers, scores and pictures: {folder}")


def describe(chosen) -> str:
    """One line about a newly chosen `threshold.Threshold`."""
    rates = (("recall", chosen.recall), ("false positive rate", chosen.false_positive_rate))
    found = ", ".join(f"{what} {value:.2%}" for what, value in rates if value is not None)
    limit = f"{chosen.max_fpr * 100:.4g} %"
    line = f"chosen on these files for a false positive rate of at most {limit}: {chosen.value:.9g} ({found})"
    line += f"; {chosen.promise}"
    return line + (f"\nwarning: {chosen.warning}" if chosen.warning else "")


if __name__ == "__main__":
    sys.exit(run_main(main))
