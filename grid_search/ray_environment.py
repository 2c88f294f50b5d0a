"""Sets the environment that Ray reads on import; does not import Ray."""

import os
import secrets

from common.cli import launch
from grid_search.cluster_address import LOCAL


def prepare(address: str) -> None:
    """Sets the environment for Ray, here and in the processes that it starts. Call this before `import ray`."""
    launch.switch_off()
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the fork server itself hides GPUs from runs
    if address == LOCAL:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # Ray listens on loopback, not on the network
        os.environ.setdefault("RAY_worker_niceness", "0")  # same priority as train.py; Ray's default is 15
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # so that other users of this machine cannot join the cluster
        if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
            # Without this variable, Ray would write a token to the home folder.
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
