"""Sets up all tests, and keeps every test from connecting to another machine."""

import ipaddress
import os
import signal
import socket

import pytest

from .common.tracking.mlflow_server import mlflow_2, mlflow_3

__all__ = ["mlflow_2", "mlflow_3"]  # servers that run for the whole session, shared by the tests in several folders

# If a script starts pytest in the background, pytest ignores Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# TensorFlow uses one thread, as in train.py. This must be set before any test computes. With more threads, the order of
# additions varies, and identical runs would differ.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

# The fixture below cannot patch child processes: in those, requests and urllib use this proxy, which refuses
# connections.
_NO_WAY_OUT = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost,::1,.invalid",
}


def _is_here(address) -> bool:
    if not isinstance(address, tuple):  # a Unix socket's path
        return True
    try:
        return ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback
    except ValueError:
        return address[0] in ("localhost", "")


@pytest.fixture(autouse=True, scope="session")
def only_this_machine():
    """Makes connections to other machines fail, so that no test depends on a network or disturbs a real server."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self, address, original=original):
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address):
                raise AssertionError(f"a test tried to connect to another machine. Received: {address}")
            return original(self, address)

        patch.setattr(socket.socket, name, guarded)
    for name, value in _NO_WAY_OUT.items():
        patch.setenv(name, value)
        patch.setenv(name.lower(), value)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        patch.delenv(name)
    yield
    patch.undo()
