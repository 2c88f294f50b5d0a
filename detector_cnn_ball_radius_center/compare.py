"""Compares detectors on the same patches: which is better, by how much, how sure that is, and on which patches.

python3 compare.py ../runs/A ../runs/B patches.h5
python3 detector_cnn_ball_radius_center/compare.py runs/A runs/B         on the validation patches that both recorded
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from detector_cnn_ball_radius_center.options import Options
from robot_export.compare_command import compare_parser, divide, open_models, read_patches

TASK = "detection"


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, compares and prints."""
    arguments = compare_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    launch.switch_off()
    paths, files = divide(arguments.names)
    from detector_cnn_ball_radius_center.data import load_data

    patches = read_patches(paths, files, TASK, Options, load_data)
    with quiet_stderr():
        from robot_export.comparison import compare
    models = open_models(paths, arguments, 3, patches)
    compare(subject(patches.X.shape[2]), models, patches, arguments.output_dir)


def subject(size: int):
    """How detectors are compared, a robot_export.comparison.Subject.

    Args:
        size: width of the patches in pixels.
    """
    from detector_cnn_ball_radius_center import metrics, plots
    from robot_export.comparison import Measure, Subject

    limit = metrics.IOU_LIMITS[1]
    measures = (
        Measure("median centre error", -1, unit=" px"),
        Measure("median radius error", -1, unit=" px"),
        Measure("mean IoU", 1, digits=4),
        Measure(f"IoU above {limit:g}", 1, scale=100, unit=" %", digits=1),
    )
    return Subject(
        ("radius", "center_x", "center_y"),
        measures,
        lambda y, circles, threshold: metrics.of_drawn_patches(y, circles, size),
        lambda y, circles, threshold: {"poor": metrics.circle_iou(y, circles) <= limit},
        metrics.circle_iou,
        plots.changed,
        lambda y: {"radius": [f"radius {name}" for name in metrics.radius_class(y[:, 0])]},
    )


if __name__ == "__main__":
    sys.exit(run_main(main))
