"""Checks that other users cannot join a private cluster."""

from grid_search import cluster_address, ray_environment


def test_a_private_cluster_gets_a_secret_of_its_own(monkeypatch):
    environment = {}
    monkeypatch.setattr("os.environ", environment)
    ray_environment.prepare("10.0.0.1:6379")
    assert "RAY_AUTH_TOKEN" not in environment
    ray_environment.prepare(cluster_address.LOCAL)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert len(environment["RAY_AUTH_TOKEN"]) == 64
