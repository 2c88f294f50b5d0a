"""Sets up a process for MLflow, without importing MLflow, because MLflow reads some settings on import."""

import logging
import os
import warnings

from common.cli import launch

# Time limit for a request. Even a server that takes a minute to answer each request receives everything. Training
# never waits for these requests.
_REQUEST_SECONDS = 90


def prepare() -> None:
    """Sets up this process for MLflow; call it before MLflow is imported.

    The settings switch off MLflow's own retries (the caller repeats requests), usage reports, progress bars and log
    lines that contain addresses. They also ensure that certificates are always checked.
    """
    launch.switch_off()
    os.environ.pop("MLFLOW_TRACKING_INSECURE_TLS", None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(_REQUEST_SECONDS))
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_LOGGING_LEVEL"] = "CRITICAL"
    for name in ("mlflow", "urllib3", "requests", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
