"""Imports the fixtures for servers and runs from the tracking tests."""

from ..common.tracking.conftest import mlflow_server, no_mirror, proxy, quiet_home, run, start

__all__ = ["mlflow_server", "no_mirror", "proxy", "quiet_home", "run", "start"]
