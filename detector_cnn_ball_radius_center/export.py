"""Exports a trained detector to every deployable form, each held against it, with contract and card.

python3 export.py ../runs/NAME                            with the data that the run recorded
python3 export.py MODEL --calibration TRAIN.h5 --validation VALIDATION.h5
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli import launch
from common.cli.program import run_main
from detector_cnn_ball_radius_center.options import Options
from robot_export.command import export_parser, job_options, place, prepare

PROJECT = "detector_cnn_ball_radius_center"
TASK = "detection"
TARGET = {
    "order": ["radius", "center_x", "center_y"],
    "units": "fractions of the patch's width and height",
    "origin": "top left corner of the patch, x to the right, y down",
}
ERROR_GROWN = 0.05  # of Keras's; a form whose centre error grows by more is unfit


def main(argv: list[str] | None = None) -> None:
    """Reads, exports, proves and prints."""
    arguments = export_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    launch.switch_off()
    from detector_cnn_ball_radius_center.data import load_data
    from detector_cnn_ball_radius_center.report import report
    from robot_export.card import summary
    from robot_export.export_model import Job, publish

    model_file, model, description, evidence = prepare(arguments, TASK, PROJECT, 3, Options, load_data)
    description = {"target": TARGET | {"mean": evidence.validation.y.mean(0).tolist()}} | description
    folder, results = place(arguments, model_file, description)
    if not results:
        mean_circle = description["target"]["mean"]
        results = {"validation": report(folder, evidence.validation, evidence.outputs, mean_circle, "validation")}
        description["metrics"] = {"validation": results["validation"]["metrics"]}
    subject = project(evidence.validation.X.shape[2])
    job = Job(folder, model, description, evidence, subject, results, **job_options(arguments))
    print(summary(publish(job)))
    print(f"files, contract and card: {folder}")


def project(size: int):
    """What the exports have to know of the detector, a robot_export.project.Project.

    Args:
        size: width of the patches in pixels.
    """
    from detector_cnn_ball_radius_center import metrics
    from detector_cnn_ball_radius_center.summary import TRACKED, group_table, table
    from robot_export.parity import Judge
    from robot_export.project import Project

    def measure(y, outputs, threshold):
        numbers = metrics.evaluate(y, outputs, size)
        names = ("median_center_error_px", "mean_center_error_px", "mean_iou")
        return {name: numbers[name] for name in names}

    def reasons(before, after):
        found = []
        for what in ("median", "mean"):
            name = f"{what}_center_error_px"
            grown = after[name] / before[name] - 1 if before[name] else 0.0
            if grown > ERROR_GROWN:
                found.append(f"its {what} centre error is {after[name]:.3f} px, {grown:.1%} above Keras's")
        return found

    purpose = "Tells where in an image patch the ball is, and how large: radius and centre in fractions of the patch."
    pictures = (
        ("errors", "errors"),
        ("targets", "predicted against true values"),
        ("worst", "the worst patches"),
    )
    return Project(PROJECT, purpose, Judge(measure, reasons), table, group_table, pictures, TRACKED)


if __name__ == "__main__":
    sys.exit(run_main(main))
