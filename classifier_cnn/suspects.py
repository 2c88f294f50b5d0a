"""Finds labels that are probably wrong, with networks that have not seen the recording of the patch they judge.

python3 suspects.py ../data/TRAIN.h5
python3 classifier_cnn/suspects.py TRAIN.h5 VALIDATION.h5 --filters 4 --dense 32
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import Options
from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from common.errors import UserError
from dataset_tools.inspection.suspects import answers_by_fold, options_of, read_recordings, suspects_parser, write

TASK = "classification"


def main(argv: list[str] | None = None) -> None:
    """Reads, trains without each fold, judges every label and writes."""
    arguments = suspects_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    options = options_of(arguments, Options)
    launch.switch_off()
    patches = read_recordings(arguments.files, TASK)
    if not 0 < patches.y.sum() < len(patches):
        raise UserError(f"takes patches with and without a ball. Received: one class in {', '.join(patches.files)}.")
    with quiet_stderr():
        from sklearn.model_selection import StratifiedGroupKFold

        from classifier_cnn import metrics, plots, training
    folds = min(arguments.folds, len(set(patches.recording)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=options.seed)
    scores = answers_by_fold(patches, splitter, options, training)[:, 0]
    found = metrics.suspicious(patches.y, scores)
    names = [("no ball", "ball")[int(label)] for label in patches.y[found]]
    columns = {"label": [("ball", "no ball")[int(label)] for label in patches.y[found]]}  # what --relabel makes of it
    columns |= {"label_given": names, "score": scores[found]}

    def draw(path, chosen, title):
        plots.suspects(path, patches, scores, chosen, title)

    write(arguments, patches, found, columns, draw, "--relabel, or --drop,")


if __name__ == "__main__":
    sys.exit(run_main(main))
