"""Finds what is worth a label in unlabelled pictures and logs, and false alarms where there is no ball.

python3 mine.py MODEL SOURCE...
python3 mine.py MODEL game.log --models OTHER_RUN --no-ball practice_without_ball.log
"""

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import Options
from common.cli import launch
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.cli.program import Parser, run_main
from common.cli.quiet import quiet_stderr
from common.cli.training_options import TrainingOptions
from common.errors import UserError
from dataset_tools.scanning.predict_options import add_scan_options, check_scan_options, check_sources
from robot_export.foreign_options import add_foreign_options, foreign

COUNT, PER_SECOND, FPS, CANDIDATES = 200, 2, 30.0, 10
RULES = ("nearest", "models", "views")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="the classifier to improve: a run, a .keras, .tflite or .onnx file")
    add(
        "sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, folders, zips, NaoTH logs, patch files (.h5)"
    )
    add("--models", type=Path, nargs="+", default=[], metavar="MODEL", help="other classifiers for the same patches")
    text = "what is asked for: nearest to 0.5; where the models disagree; where flips and shifts of a patch disagree "
    add("--rule", choices=RULES, help=text + "(default: nearest, and models if there are others)")
    add("--count", type=int, default=COUNT, metavar="N", help="most patches to label (default: %(default)s)")
    text = "most of a second of a recording and camera (default: %(default)s)"
    add("--per-second", type=int, default=PER_SECOND, metavar="N", help=text)
    add("--fps", type=float, default=FPS, metavar="F", help="pictures per second and camera (default: %(default)s)")
    text = "patch files to which nothing chosen may be alike (default: the model's training files, if they are here)"
    add("--training", type=Path, nargs="+", metavar="FILE", help=text)
    text = "annotated pictures: what the model takes for a ball outside all balls becomes a negative"
    add("--certified", type=Path, nargs="+", default=[], metavar="SOURCE", help=text)
    text = "pictures and logs that certainly show no ball: what the model takes for one becomes a negative"
    add("--no-ball", type=Path, nargs="+", default=[], metavar="SOURCE", help=text)
    add("--threshold", type=float, metavar="X", help="of false alarms (default: the one shipped with the model)")
    text = "patch root (top/, bottom/) that the negatives go to; default: negatives in the output folder"
    add("--negatives", type=Path, metavar="ROOT", help=text)
    text = "folder for all that is written (default: a new mine-NAME in the output folder; a taken name gets a number)"
    add("--output-dir", type=Path, metavar="DIR", help=text)
    add_scan_options(parser, CANDIDATES)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    check_scan_options(arguments)
    check_sources([*arguments.sources, *arguments.certified, *arguments.no_ball, *(arguments.training or ())])
    for name, least in (("count", 1), ("per_second", 1), ("fps", 0.01)):
        if not getattr(arguments, name) >= least:
            shown = name.replace("_", "-")
            raise UserError(f"--{shown} is at least {least}. Received: {getattr(arguments, name)}.")
    if arguments.rule == "models" and not arguments.models:
        raise UserError("--rule models compares models. Received: one. Name others with --models.")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Opens the models, scans, chooses, writes and prints."""
    arguments = parse_args(argv)
    given = foreign(arguments)
    with quiet_stderr():
        from dataset_tools.mining.mine_pictures import mine
        from robot_export.scorer import check_pair, open_scorer
    scorers = [open_scorer(path, (1, 4), given, arguments.threshold) for path in (arguments.model, *arguments.models)]
    for other in scorers[1:]:
        check_pair(scorers[0], other)
    training = arguments.training or training_files(scorers[0].file.parent)
    start = time.perf_counter()
    folder = mine(arguments, scorers, training, TrainingOptions().output_dir)
    print((folder / "report.md").read_text(encoding="utf-8").rstrip())
    print(f"{time.perf_counter() - start:.0f} s; sheets, table, tasks and report: {folder}")
    script = "dataset_tools/ball_classification_datasets/create_datasets.py"
    if arguments.negatives:
        words = ("--naoth", launch.shortest(arguments.negatives), "--origins", "naoth", "--output-dir", "datasets")
        print(f"Build datasets with the negatives: {launch.command(script, *words)}")
    elif (folder / "negatives").is_dir():
        print("The negatives join your patches with --negatives ROOT, the folder that create_datasets.py reads.")


def training_files(run: Path) -> list[Path]:
    """The training files of a run, as far as they are on this machine; nothing is fetched."""
    from common.datasets.resolve import Source, Wanted, resolve

    try:
        options = from_json(Options, read_config(run)["options"])
        wanted = Wanted(options.dataset, options.data_train, options.data_val, options.data_test)
        source = Source(options.data_root, options.archive_url, offline=True)
        return list(resolve("classification", wanted, source, _rendered).train)
    except UserError:
        text = "note: the training patches are not here, so those chosen may be like them. Name them with --training."
        print(text, file=sys.stderr)
        return []


def _rendered(task: str, root: Path) -> dict[str, Path]:
    """Stands in for rendering: mining with a run on synthetic patches compares with nothing."""
    raise UserError("rendered patches")


if __name__ == "__main__":
    sys.exit(run_main(main))
