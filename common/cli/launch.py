"""Switches the usage telemetry of the libraries off. Called before any of them is imported."""

import os
from collections.abc import MutableMapping

OFF = {
    "ENABLE_RUNTIME_UPTIME_TELEMETRY": "0",  # TensorFlow sets it to 1 on import unless it is there
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",  # the convention that several libraries share
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def switch_off(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets the variables that keep MLflow, Ray and others from reporting usage, here and in every child process.

    Keras, ONNX Runtime on Linux and LiteRT send none.
    """
    environment.update(OFF)
