"""Checks a cluster's address before Ray uses it, because Ray would keep trying a wrong address for minutes."""

import socket

import pytest

from common.errors import UserError
from grid_search import cluster_address


@pytest.mark.parametrize("address", ["server", "server:", ":6379", "server:0", "server:x", "http://server:6379/x"])
def test_a_value_that_is_not_an_address_is_refused(address):
    with pytest.raises(UserError, match="must be that of its head node, HOST:PORT"):
        cluster_address.head_node(address)


def test_a_head_node_has_to_answer(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UserError, match="No Ray cluster answers"):
            cluster_address.head_node(address)
        listener.listen()
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert cluster_address.head_node(None) == address
    monkeypatch.delenv("RAY_ADDRESS")
    assert cluster_address.head_node(None) == cluster_address.LOCAL
