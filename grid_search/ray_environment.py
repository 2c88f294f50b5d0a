"""Sets the environment that Ray reads on import, and finds the cluster to join; does not import Ray."""

import os
import secrets
import socket

from common.cli import launch
from common.errors import UserError

LOCAL = "local"  # Ray's name for a private cluster on this machine
CONNECT_SECONDS = 5.0


def head_node(address: str | None) -> str:
    """The head node to join. Checks that something listens there, because Ray itself would try for minutes.

    Returns:
        HOST:PORT, from `address` or RAY_ADDRESS, or LOCAL.

    Raises:
        UserError: it is not an address, or nothing listens there.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address == LOCAL:
        return address
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"The address of a Ray cluster must be that of its head node, HOST:PORT. Received: {address}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(f"No Ray cluster answers ({error.strerror or error}). Received: {address}.") from None
    return address


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
