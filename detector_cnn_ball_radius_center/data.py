"""Loads the patches for a detector run, or renders synthetic patches."""

from common.datasets.load import Splits, load_splits
from common.runs.preflight import preflight
from common.tracking import Server
from dataset_tools.synthetic.render_files import synthetic_files
from detector_cnn_ball_radius_center.options import Options
from robot_export.robots import check_all, file_kinds

TASK = "detection"


def load_data(options: Options) -> Splits:
    """Finds, downloads and reads the patches of a run.

    Renders synthetic patches if they are requested, or if the default patches cannot be downloaded.

    Raises:
        UserError: a dataset or file does not exist or cannot be used for training, or a robot cannot use the model.
    """
    splits = load_splits(TASK, options, synthetic_files)
    kinds, train = file_kinds(options.robot, "detector"), splits.train
    check_all(kinds, train.X.shape[1:], train.sampling, options.accept_sampling)
    return splits


def check_and_load(options: Options) -> tuple[Splits, Server] | None:
    """Returns a run's patches and tracking server, or None if there is nothing to train; see common.runs.preflight."""
    return preflight(options, TASK, load_data)
