"""The address of a cluster is checked before Ray, which would try for minutes; a private one is closed to others."""

import socket

import pytest

from common.errors import UserError
from grid_search import ray_environment


@pytest.mark.parametrize("address", ["server", "server:", ":6379", "server:0", "server:x", "http://server:6379/x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UserError, match="must be that of its head node, HOST:PORT"):
        ray_environment.head_node(address)


def test_a_head_node_has_to_answer(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UserError, match="No Ray cluster answers"):
            ray_environment.head_node(address)
        listener.listen()
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert ray_environment.head_node(None) == address
    monkeypatch.delenv("RAY_ADDRESS")
    assert ray_environment.head_node(None) == ray_environment.LOCAL


def test_a_private_cluster_gets_a_secret_of_its_own(monkeypatch):
    environment = {}
    monkeypatch.setattr("os.environ", environment)
    ray_environment.prepare("10.0.0.1:6379")
    assert "RAY_AUTH_TOKEN" not in environment
    ray_environment.prepare(ray_environment.LOCAL)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert len(environment["RAY_AUTH_TOKEN"]) == 64
