"""Provides a server on loopback with one file, and a client for this server."""

import gc

import pytest

from common.archive.fetch import fetch

from .client import CONTENT, NAME, QUICK
from .misbehaving_server import MisbehavingServer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Removes the proxy that tests/conftest.py sets; tests in other folders keep it."""
    for key in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(key, raising=False)
        monkeypatch.delenv(key.upper(), raising=False)


@pytest.fixture(autouse=True)
def collected():
    """Runs the garbage collector after each test, so that a forgotten connection is reported for the right test."""
    yield
    gc.collect()


@pytest.fixture
def server():
    with MisbehavingServer() as server:
        server.files[NAME] = CONTENT
        yield server


@pytest.fixture
def bring(server, tmp_path):
    def bring(name=NAME, patience=QUICK, **options):
        return fetch(name, tmp_path, server.url, patience=patience, **options)

    return bring
