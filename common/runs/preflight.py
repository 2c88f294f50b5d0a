"""Before TensorFlow is loaded, checks a run for everything that can go wrong; the fastest checks come first."""

import shlex
from collections.abc import Callable
from pathlib import Path

from common import tracking
from common.cli import launch
from common.cli.training_options import TrainingOptions
from common.datasets.listing import list_datasets
from common.datasets.load import Splits
from common.datasets.resolve import check_names
from common.runs.finished import is_finished
from common.tracking import Server
from common.training.find_model import find_model
from common.training.gpu_check import why_no_gpu


def preflight(
    options: TrainingOptions, task: str, load_data: Callable[[TrainingOptions], Splits]
) -> tuple[Splits, Server] | None:
    """Checks names, chooses the server, looks for a GPU if one is required, and loads the data.

    `task`, such as `classification`, selects the datasets for `--list-datasets`; `load_data` is the project's function.

    Returns:
        The patches and the server; None if the datasets were only listed, or if the run to resume has already finished.

    Raises:
        UserError: a requested server, GPU or file is not available.
    """
    if options.list_datasets:
        print(list_datasets(task, options))
        return None
    if options.resume and is_finished(Path(options.resume)):
        model = shlex.quote(launch.shortest(Path(options.resume) / "model.keras"))
        print(f"This run is finished and cannot be extended: {options.resume}")
        print(f"A new run can start from its model: --init {model}")
        return None
    check_names(task, options)
    if options.init:
        find_model(options.init)
    server = tracking.choose_server(options.tracking, options.output_dir, require=options.require_tracking)
    print(server.words)
    if options.require_gpu:  # checked before the data, perhaps a gigabyte, is downloaded
        why_no_gpu(required=True)
    return load_data(options), server
