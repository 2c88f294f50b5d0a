"""Finds labels that are probably wrong, with networks that have not seen the recording of the patch they judge.

python3 suspects.py ../data/TRAIN.h5
python3 detector_cnn_ball_radius_center/suspects.py TRAIN.h5 VALIDATION.h5 --filters 4 --dense 32
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
from dataset_tools.inspection.suspects import answers_by_fold, options_of, read_recordings, suspects_parser, write
from detector_cnn_ball_radius_center.options import Options

TASK = "detection"


def main(argv: list[str] | None = None) -> None:
    """Reads, trains without each fold, judges every label and writes."""
    arguments = suspects_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    options = options_of(arguments, Options)
    launch.switch_off()
    patches = read_recordings(arguments.files, TASK)
    with quiet_stderr():
        import numpy as np
        from sklearn.model_selection import GroupKFold

        from dataset_tools.inspection.file_statistics import sharpness
        from dataset_tools.leaks.hashes import small
        from detector_cnn_ball_radius_center import metrics, plots, training
    folds = min(arguments.folds, len(set(patches.recording)))
    splitter = GroupKFold(folds, shuffle=True, random_state=options.seed)
    circles = answers_by_fold(patches, splitter, options, training)
    excess = metrics.unexplained(patches.y, circles, sharpness(small(patches.X)))
    found = np.flatnonzero(excess > metrics.SUSPICIOUS)
    found = found[np.argsort(-excess[found], kind="stable")]
    columns = {"deviations": excess[found]}
    for prefix, values in (("given", patches.y), ("predicted", circles)):
        columns |= {f"{prefix}_{name}": values[found, i] for i, name in enumerate(("radius", "center_x", "center_y"))}

    def draw(path, chosen, title):
        plots.circle_gallery(path, patches.X, patches.y, circles, chosen, title, patches.recording)

    write(arguments, patches, found, columns, draw, "--drop")


if __name__ == "__main__":
    sys.exit(run_main(main))
