"""Tests the process from which the runs of a grid are forked, without Ray."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from grid_search.slot import meeting_place, start_worker


@pytest.fixture
def worker(request):
    """Starts a fork server for a module that cannot be imported; yields the server and its socket."""
    place = meeting_place(f"test-{os.getpid()}-{request.node.name}")
    process = start_worker("nowhere.train", place, threads=1)
    yield process, place
    process.kill()
    process.wait()
    process.stdin.close()
    for path in (place, place.with_suffix(".lock")):
        path.unlink(missing_ok=True)


@contextmanager
def asked(name):
    """Connects as a slot does; returns the connection as a file."""
    with socket.socket(socket.AF_UNIX) as connection:
        deadline = time.monotonic() + 60
        while True:
            try:
                connection.connect(str(name))
                break
            except (ConnectionRefusedError, FileNotFoundError):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with connection.makefile() as answers:
            yield answers, connection


def first_line(name):
    with asked(name) as (answers, _):
        return answers.readline()


def test_every_slot_gets_the_reason_why_a_project_cannot_be_imported(worker):
    for _ in range(2):
        with asked(worker[1]) as (answers, connection):
            assert answers.readline() == "ModuleNotFoundError: No module named 'nowhere'\n"
            connection.shutdown(socket.SHUT_WR)
            assert answers.read() == ""  # the fork ends when the connection is closed


def test_the_worker_ends_with_whoever_started_it(worker):
    process, name = worker
    assert first_line(name)
    process.stdin.close()
    assert process.wait(60) == 0


def test_only_one_worker_can_use_a_name(worker):
    process, name = worker
    assert first_line(name)
    with start_worker("nowhere.train", name, threads=1) as second:
        assert second.wait(60) == 0
    assert process.poll() is None


def test_a_worker_that_was_killed_is_replaced_under_the_same_name(worker):
    process, place = worker
    assert first_line(place)
    process.kill()
    process.wait()
    assert place.exists()  # only its socket is left
    with start_worker("nowhere.train", place, threads=1) as second:
        assert first_line(place)
        second.stdin.close()
        assert second.wait(60) == 0
    assert not place.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can switch to another user")
def test_another_user_cannot_connect(worker):
    assert first_line(worker[1])
    program = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "print(s.recv(100))"
    )
    told = subprocess.run([sys.executable, "-c", program, str(worker[1])], capture_output=True, text=True, timeout=60)
    assert "PermissionError" in told.stderr, told
    assert worker[0].poll() is None
