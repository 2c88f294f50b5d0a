"""The partial file is kept if the server refuses, sends a web page or a compressed file, or is too slow."""

import gzip
import threading
import time
from pathlib import Path

import pytest

from common.archive import http
from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import sibling
from common.archive.retry import Patience

from .client import CONTENT, IMPATIENT, LIST, NAME, OTHER, SLOW, left_behind, partial, refused
from .misbehaving_server import Fault

# When `requests` refuses a redirect, it does not close the connection but leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_file_is_requested_once(bring, server, status):
    server.always = Fault(status=status)
    assert "patches_16x16.h5" in refused(bring, NotInArchive)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_a_refused_request_is_not_repeated(bring, server, status):
    server.always = Fault(status=status)
    assert f"status {status}" in refused(bring)
    assert len(server.asked) == 1


def test_a_redirect_is_followed_but_a_redirect_loop_is_an_error(bring, server):
    server.files["elsewhere.h5"] = OTHER
    server.faults.append(Fault(status=302, headers={"Location": "/elsewhere.h5"}))
    assert bring().read_bytes() == OTHER
    server.always = Fault(status=302, headers={"Location": "/circle.h5"})
    assert "is invalid" in refused(bring, name="circle.h5")


def test_a_transfer_that_stalls_in_the_middle_is_aborted(bring, server, tmp_path):
    server.always = Fault(stall_at=1000)
    server.faults.append(Fault(stall_at=100_000))
    text = refused(bring, patience=Patience(read_s=0.2, attempts=1))
    assert "sent nothing for 0.2 s" in text
    assert partial(tmp_path).stat().st_size == 100_000


def test_a_server_that_never_answers_counts_as_unreachable(bring, server):
    server.always = Fault(held_by=server.stopping)
    assert "it does not answer in time" in refused(bring, Unreachable, patience=IMPATIENT)


def test_a_web_page_instead_of_the_file_is_recognised(bring, server, tmp_path):
    server.always = Fault(body=b"<html>Please log in</html>", headers={"Content-Type": "text/html; charset=utf-8"})
    assert "web page" in refused(bring)
    server.always = Fault(body=b"\n<!DOCTYPE html><html>Please log in</html>")
    assert "web page" in refused(bring)
    assert left_behind(tmp_path) == []


def test_a_web_page_does_not_replace_the_partial_file(bring, server):
    page = Fault(body=b"<html>", headers={"Content-Type": "text/html"}, no_range=True)
    server.faults.extend([Fault(cut_at=100_000), page])
    refused(bring)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=100000-"


def test_a_compressed_answer_is_refused(bring, server):
    server.always = Fault(headers={"Content-Encoding": "gzip"})
    assert "gzip" in refused(bring)


class Drip:
    """Makes a server send one byte at a time, with long pauses, until the test ends."""

    def __init__(self, monkeypatch, server, lists=False, headers=False):
        self.over = threading.Event()
        handler = server.RequestHandlerClass
        original = handler._answer

        def answer(handler, status, sent, body, fault):
            if handler.path.endswith("SHA256SUMS") != lists:
                return original(handler, status, sent, body, fault)
            if headers:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            else:
                handler.send_response(200)
                handler.send_header("Content-Length", "1000000")
                handler.send_header("ETag", '"slow"')
                handler.end_headers()
            handler.close_connection = True
            while not self.over.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()

        monkeypatch.setattr(handler, "_answer", answer)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("lists", "headers"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_transfer_that_is_too_slow_is_aborted(bring, server, monkeypatch, tmp_path, lists, headers):
    drip = Drip(monkeypatch, server, lists, headers)
    server.files[LIST] = b"x"
    patience = Patience(connect_s=0.3, read_s=0.3, attempts=2, backoff_s=0.001, slow_s=0.4) if headers else SLOW
    begin = time.monotonic()
    text = refused(bring, patience=patience, kind=Unreachable if headers and not lists else ArchiveError)
    assert time.monotonic() - begin < 10
    assert ("no complete answer within" if headers else "bytes arrived in") in text
    drip.over.set()
    for thread in threading.enumerate():
        if thread.name == "within":
            thread.join(5)
    if lists:  # the file itself has arrived
        assert "was downloaded and is kept" in text
        assert sibling(tmp_path / NAME, "part").read_bytes() == CONTENT


@pytest.mark.timeout(30)
def test_a_slow_transfer_that_makes_progress_is_not_stopped(bring, server, monkeypatch):
    monkeypatch.setattr(http, "SLOWEST_BYTES_PER_S", 10)
    assert bring(patience=SLOW).read_bytes() == CONTENT


def test_only_the_start_of_a_huge_compressed_list_is_read(bring, server):
    packed = gzip.compress(bytes(1 << 28), 9)
    server.files[LIST] = packed
    server.beside = Fault(headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert bring().read_bytes() == CONTENT


def test_a_compressed_list_is_used(bring, server):
    server.files[LIST] = gzip.compress(f"{'0' * 64}  {Path(NAME).name}\n".encode())
    server.beside = Fault(headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert "does not match the archive's SHA256SUMS and was deleted" in refused(bring)
