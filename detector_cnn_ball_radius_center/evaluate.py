"""Scores a detector on patch files: the same numbers and pictures as at the end of its training.

python3 evaluate.py MODEL FILE...
python3 detector_cnn_ball_radius_center/evaluate.py MODEL FILE...
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.atomic_files import new_folder, replacing
from common.cli.evaluation_options import evaluation_parser
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from common.cli.training_options import TrainingOptions
from common.training.model_path import find_model


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, writes and prints."""
    arguments = evaluation_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    model_file = find_model(arguments.model)
    from common.datasets.load import read_files

    patches, files = read_files(arguments.files, "detection")
    with quiet_stderr():
        from common.runs.evaluation import model_name, predict_file
        from detector_cnn_ball_radius_center.report import report
        from detector_cnn_ball_radius_center.summary import group_table, table

    circles = predict_file(model_file, patches.X, outputs=3)
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"evaluation-{model_name(model_file)}")
    mean_circle, origin = read_mean_circle(model_file, patches.y)
    result = report(folder, patches, circles, mean_circle, files=files) | {"mean_circle_from": origin}
    print(table({"": result["metrics"]}))
    print(group_table(result["groups"]))
    print(f"the mean circle is that {origin}")
    sources = {"model": str(arguments.model), "files": [str(path) for path in arguments.files]}
    with replacing(folder / "evaluation.json") as partial:
        partial.write_text(json.dumps(sources | {"digest": patches.digest} | result, indent=2) + "\n", encoding="utf-8")
    print(f"numbers, circles and pictures: {folder}")


def read_mean_circle(model_file: Path, y) -> tuple[list[float], str]:
    """The circle of the trivial baseline and where it comes from: the training data, else the scored files themselves.

    The baseline is for comparison alone, so a model.json that does not tell it is no error.
    """
    try:
        mean = json.loads(model_file.with_name("model.json").read_text(encoding="utf-8"))["target"]["mean"]
        radius, x, y_ = (float(value) for value in mean)
        return [radius, x, y_], "of the training patches (model.json)"
    except (OSError, ValueError, KeyError, TypeError):
        return y.mean(0).tolist(), "of these patches (the model ships none)"


if __name__ == "__main__":
    sys.exit(run_main(main))
