"""Sets the environment that Ray reads on import; does not import Ray."""

import os
import secrets

from common.cli import launch
from grid_search.cluster_address import LOCAL


def prepare(address: str) -> None:
    """Sets the environment for Ray, here and in the processes that it starts. Call it before `import ray`."""
    launch.switch_off()
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the fork server hides GPUs itself
    if address == LOCAL:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listens on loopback, not on the network
        os.environ.setdefault("RAY_worker_niceness", "0")  # like `train.py`; Ray's default is 15
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # keeps other users of this machine out
        if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one to the home folder
