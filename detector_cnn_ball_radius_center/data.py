"""The detector's patches: where they come from, and what stands in where there are none."""

from common.datasets.load import Splits, load_splits
from dataset_tools.synthetic import synthetic_files
from detector_cnn_ball_radius_center.options import Options

TASK = "detection"


def load_data(options: Options) -> Splits:
    """Finds, fetches and reads the patches of a run; synthetic ones where they are asked for or stand in.

    Raises:
        UserError: no such dataset, no such file, or one that no training can use.
    """
    return load_splits(TASK, options, synthetic_files)
