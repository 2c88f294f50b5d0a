"""Exports a trained classifier to every deployable form, each held against it, with contract and card.

python3 export.py ../runs/NAME                            with the data that the run recorded
python3 export.py MODEL --calibration TRAIN.h5 --validation VALIDATION.h5
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import CONFIDENCE, MAX_FPR, Options, add_limit, check_limit
from common.cli import launch
from common.cli.program import run_main
from robot_export.command import export_parser, job_options, place, prepare, read_partner

PROJECT = "classifier_cnn"
TASK = "classification"
TARGET = {"order": ["ball"], "units": "probability of a ball, 0..1"}
RECALL_LOST = 0.005  # of all balls; a form that loses more at its threshold is unfit


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = export_parser((__doc__ or " ").splitlines()[0])
    add_limit(parser, f"the thresholds are chosen for it (default: the run's, else {MAX_FPR})")
    parser.add_argument(
        "--detector",
        type=Path,
        metavar="RUN",
        help="a detector for robots whose code reads whether and where from one file: joined with this classifier",
    )
    arguments = parser.parse_args(argv)
    check_limit(arguments.max_fpr, arguments.confidence)
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Reads, exports, proves and prints."""
    arguments = parse_args(argv)
    launch.switch_off()
    from classifier_cnn.data import load_data
    from classifier_cnn.report import report
    from classifier_cnn.threshold import choose_threshold
    from robot_export.card import summary
    from robot_export.export_model import Job, publish

    model_file, model, description, evidence = prepare(arguments, TASK, PROJECT, 1, Options, load_data)
    y, scores = evidence.validation.y, evidence.outputs[:, 0]
    given = {name: getattr(arguments, name) for name in ("max_fpr", "confidence")}
    given = {name: value for name, value in given.items() if value is not None}
    limit = {"max_fpr": MAX_FPR, "confidence": CONFIDENCE} | (description["options"] or {}) | given
    max_fpr, confidence = limit["max_fpr"], limit["confidence"]
    if given or "threshold" not in description:
        chosen = choose_threshold(y, scores, max_fpr, confidence)
        description["threshold"], description["threshold_choice"] = {"keras": chosen.value}, vars(chosen)
    threshold = description["threshold"]["keras"]
    description = {"target": TARGET} | description
    detector = read_partner(arguments.detector, evidence.validation.X) if arguments.detector else None
    folder, results = place(arguments, model_file, description, detector)
    if not results or threshold != results["validation"]["metrics"]["threshold"]:
        found = report(folder, evidence.validation, scores, threshold, "validation", confidence=confidence)
        results = {"validation": found}
        description["metrics"] = {"validation": results["validation"]["metrics"]}
    more = job_options(arguments) | {"detector": detector}
    job = Job(folder, model, description, evidence, project(max_fpr, confidence), results, **more)
    print(summary(publish(job)))
    print(f"files, contract and card: {folder}")


def project(max_fpr: float, confidence: float = CONFIDENCE):
    """What the exports have to know of the classifier, a robot_export.project.Project.

    Args:
        max_fpr: highest false positive rate that a threshold is chosen for.
        confidence: of the guarantee that it is chosen with.
    """
    from classifier_cnn import metrics
    from classifier_cnn.summary import TRACKED, group_table, table
    from classifier_cnn.threshold import allowed_false_positives, choose_threshold
    from robot_export.parity import Judge
    from robot_export.project import Project

    def measure(y, outputs, threshold):
        numbers = metrics.evaluate(y, outputs[:, 0], threshold)
        limit = metrics.recall_at_fpr(metrics.curve(y, outputs[:, 0]), max_fpr)
        kept = {name: numbers.get(name) for name in ("auroc", "recall", "false_positive_rate")}
        return {name: value for name, value in (kept | {"recall_at_limit": limit}).items() if value is not None}

    def reasons(before, after):
        lost = before.get("recall", 0) - after.get("recall", 0)
        if lost <= RECALL_LOST + 1e-9:  # rounding is no ball
            return []
        return [f"at its threshold it finds {after['recall']:.2%} of the balls, {100 * lost:.2f} points below Keras"]

    def choose(y, outputs, before, shipped):
        """Keras's threshold where the form keeps the limit and Keras's recall with it, else its own if better."""
        after = measure(y, outputs, shipped)
        negatives = int((y == 0).sum())
        limit = allowed_false_positives(negatives, max_fpr, confidence)[0] / max(1, negatives)
        broken = after.get("false_positive_rate", 0) > max(limit, before.get("false_positive_rate", 0))
        if not broken and after.get("recall", 0) >= before.get("recall", 0):
            return shipped
        own = choose_threshold(y, outputs[:, 0], max_fpr, confidence).value
        return own if broken or measure(y, outputs, own)["recall"] > after["recall"] else shipped

    purpose = "Tells whether an image patch shows a ball: a score in 0..1, a ball from the threshold on."
    pictures = (
        ("curves", "recall against false positives"),
        ("scores", "scores"),
        ("worst_false_positives", "worst false positives"),
        ("worst_false_negatives", "worst missed balls"),
        ("robustness", "recall and false positives on worse pictures"),
    )
    return Project(PROJECT, purpose, Judge(measure, reasons, choose), table, group_table, pictures, TRACKED)


if __name__ == "__main__":
    sys.exit(run_main(main))
