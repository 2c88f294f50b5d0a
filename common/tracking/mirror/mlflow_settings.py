"""Settings of a process for MLflow, which reads some of them when it is imported: so this imports no MLflow."""

import logging
import os
import warnings

from common.cli import launch

# Slow is not down: a server that answers after a minute still gets everything. The training never waits for this.
_REQUEST_SECONDS = 90


def prepare() -> None:
    """Settings of this process for MLflow; call it before MLflow is imported.

    No own retries (the caller backs off), no usage reports, no progress bars, no log lines that hold addresses, and
    no way to switch the check of certificates off.
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
