"""A failed transfer is repeated, with longer and longer pauses, if a new attempt may succeed."""

import pytest

from common.archive import http
from common.archive.download_errors import Unreachable
from common.archive.retry import Patience

from .client import CONTENT, refused
from .misbehaving_server import Fault


def test_a_download_succeeds_when_the_server_recovers(bring, server):
    server.faults.extend([Fault(status=500), Fault(hang_up=True)])
    assert bring().read_bytes() == CONTENT


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_server_that_only_sends_errors_counts_as_unreachable(bring, server, status):
    server.always = Fault(status=status)
    assert f"status {status} (3 tries in a row)" in refused(bring, Unreachable)
    assert len(server.asked) == 3


def test_the_pauses_grow_and_vary_randomly(bring, server, monkeypatch):
    pauses = []
    monkeypatch.setattr(http.time, "sleep", pauses.append)
    server.always = Fault(status=503)
    refused(bring, Unreachable, patience=Patience(attempts=8, backoff_s=4))
    for pause, middle in zip(pauses, [4, 8, 16, 32, 60, 60, 60], strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert len(set(pauses)) == len(pauses)
