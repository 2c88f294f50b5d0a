"""The process that trainings of a grid are forks of, without Ray."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from grid_search.slots import start_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="trainings are forked")


@pytest.fixture
def worker(request):
    """A worker for a module that cannot be imported, and its name."""
    name = f"test-{os.getpid()}-{request.node.name}"
    process = start_worker("nowhere.train", name, threads=1)
    yield process, name
    process.kill()
    process.wait()
    process.stdin.close()


@contextmanager
def asked(name):
    """What a slot reads from, and what it writes to."""
    (theirs, ours), (answers, their_answers) = os.pipe(), os.pipe()
    with socket.socket(socket.AF_UNIX) as connection:
        deadline = time.monotonic() + 60
        while True:
            try:
                connection.connect(f"\0{name}")
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        socket.send_fds(connection, [json.dumps({}).encode()], [theirs, their_answers])
    os.close(theirs)
    os.close(their_answers)
    with os.fdopen(answers) as reading, os.fdopen(ours, "w") as writing:
        yield reading, writing


def first_line(name):
    with asked(name) as (answers, _):
        return answers.readline()


def test_why_a_project_cannot_be_imported_is_told_to_every_slot(worker):
    for _ in range(2):
        with asked(worker[1]) as (answers, jobs):
            assert answers.readline() == "ModuleNotFoundError: No module named 'nowhere'\n"
            jobs.close()
            assert answers.read() == ""  # it ends with the pipe


def test_the_worker_ends_with_whoever_started_it(worker):
    process, name = worker
    assert first_line(name)
    process.stdin.close()
    assert process.wait(60) == 0


def test_only_one_worker_has_a_name(worker):
    process, name = worker
    assert first_line(name)
    with start_worker("nowhere.train", name, threads=1) as second:
        assert second.wait(60) == 0
    assert process.poll() is None


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_gets_nothing(worker):
    assert first_line(worker[1])
    program = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect('\\0' + sys.argv[1]);"
        "(r, w), (answers, v) = os.pipe(), os.pipe(); socket.send_fds(s, [b'{}'], [r, v]); os.close(v); os.close(r);"
        "print(os.read(answers, 100))"
    )
    told = subprocess.run([sys.executable, "-c", program, worker[1]], capture_output=True, text=True, timeout=60)
    assert told.stdout == "b''\n" or "BrokenPipeError" in told.stderr, told
    assert worker[0].poll() is None
