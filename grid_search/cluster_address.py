"""Finds the Ray cluster to join; does not import Ray."""

import os
import socket

from common.errors import UserError

LOCAL = "local"  # Ray's name for a private cluster on this machine
CONNECT_SECONDS = 5.0


def head_node(address: str | None) -> str:
    """Returns the address of the head node to join, HOST:PORT: `address` or RAY_ADDRESS; LOCAL if neither is set.

    Checks that a program is listening at this address, because Ray itself would keep trying to connect for minutes.

    Raises:
        UserError: the address is not HOST:PORT, or no program is listening at it.
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
