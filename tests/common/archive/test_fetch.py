"""Tests the archive client with a real server on loopback that misbehaves in every way we could think of."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest

from common.archive import fetch as archive
from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import fetch, sibling
from common.cli.training_options import TrainingOptions
from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.resolve import resolve
from common.errors import UserError

from .client import CONTENT, NAME, QUICK, left_behind, partial, refused
from .misbehaving_server import Fault


def test_a_file_arrives_complete_with_only_its_origin_beside_it(bring, server, tmp_path):
    path = bring()
    assert path == tmp_path / NAME
    assert path.read_bytes() == CONTENT
    assert left_behind(tmp_path) == [".patches_16x16.h5.origin", "patches_16x16.h5"]
    assert archive.origin_of(path) == f"{server.url}/classification/some%20family/patches_16x16.h5"
    assert server.seen[0]["Accept-Encoding"] == "identity"


def test_a_cached_file_is_not_requested_again(bring, server):
    bring()
    asked = list(server.asked)
    assert bring(check=lambda path: pytest.fail("checked again")).read_bytes() == CONTENT
    assert bring(offline=True).read_bytes() == CONTENT
    assert server.asked == asked


def test_a_cached_file_needs_no_archive(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"old")
    assert fetch("a.h5", tmp_path, "http://127.0.0.1:1", patience=QUICK).read_bytes() == b"old"


def test_offline_says_what_is_missing_and_sends_no_request(bring, server):
    assert NAME in refused(bring, Unreachable, offline=True)
    assert server.asked == []


def test_the_origin_of_a_file_replaced_by_hand_is_its_own_path(bring):
    path = bring()
    path.write_bytes(b"mine")
    assert archive.origin_of(path) == str(path)


@pytest.mark.parametrize(
    "name", ["Devils_32x32x3_nsamples_ 215820/a b.zip", "100%/c%20d#e?f.h5", "größe/ü.h5", "top.pkl"]
)
def test_names_are_percent_encoded_in_requests(bring, server, name):
    server.files[name] = b"content of " + name.encode()
    assert bring(name).read_bytes() == server.files[name]


def test_the_address_may_have_a_path_and_a_slash_at_its_end(server, tmp_path):
    server.files["pub/sets/a.h5"] = CONTENT
    assert fetch("a.h5", tmp_path / "1", f"{server.url}/pub/sets/", patience=QUICK).read_bytes() == CONTENT
    assert fetch("a.h5", tmp_path / "2", f"{server.url}/pub/sets", patience=QUICK).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "a\\b", "C:a", "a\nb", "a\0b", ".."]
)
def test_invalid_names_and_names_outside_the_folder_are_refused(bring, server, tmp_path, name):
    assert "Received" in refused(bring, name=name)
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a", "data", "", "http://", "http://a:port", "http://a:0", "http://a?b=c", "http://a/?", "http://a/#b"),
        *("file:///tmp", "http://[::1"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(tmp_path, url):
    with pytest.raises(UserError, match="address"):
        fetch("a.h5", tmp_path, url, patience=QUICK)


@pytest.mark.parametrize("url", ["https://anna:s3cret@archive.example/x", "https://anna:s3cret@archive.example:["])
def test_an_address_with_a_password_is_refused_without_showing_the_password(tmp_path, url):
    with pytest.raises(UserError) as caught:
        fetch("a.h5", tmp_path, url, patience=QUICK)
    assert "s3cret" not in str(caught.value)
    assert "archive.example" in str(caught.value)


def test_a_file_is_checked_before_it_is_put_in_place(bring, tmp_path):
    def check(path):
        assert path.read_bytes() == CONTENT
        assert not (tmp_path / NAME).exists()
        raise UserError(f"{path}: no X in it. Received: keys [].")

    text = refused(bring, check=check)
    assert "no X in it" in text
    assert ".part" not in text
    assert left_behind(tmp_path) == []


LIMITED = """
import resource, signal, sys
from common.archive.retry import Patience
from common.archive.fetch import fetch
from common.cli.program import run_main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
sys.exit(run_main(lambda: fetch(sys.argv[1], sys.argv[2], sys.argv[4]) and None))
"""


def test_if_writing_fails_the_part_that_is_on_the_disk_is_kept(bring, server, tmp_path):
    command = [sys.executable, "-c", LIMITED, NAME, str(tmp_path), "100000", server.url]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: http")
    assert "cannot be stored: File too large. Received: " in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / NAME).exists()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=100000-"


def test_if_the_disk_is_full_what_has_arrived_is_kept(bring, server, monkeypatch):
    def full(_):  # some disks allocate space late, and report an error only in fsync
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        text = refused(bring)
    assert "cannot be stored: No space left on device. Received: " in text
    assert "Make room there and run it again" in text
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


def test_a_file_where_a_folder_should_be(bring, tmp_path):
    (tmp_path / "classification").write_bytes(b"")
    assert f"cannot be stored: Not a directory. Received: {tmp_path / NAME}" in refused(bring)


def test_a_folder_where_the_file_should_be(bring, tmp_path):
    (tmp_path / NAME).mkdir(parents=True)
    assert f"cannot be stored: Is a directory. Received: {tmp_path / NAME}" in refused(bring)


def test_a_name_that_is_too_long_for_the_disk(bring):
    assert "too long" in refused(bring, name="a" * 300)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to(bring, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "cannot be stored: Permission denied" in refused(bring)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a file system where even root cannot write")
def test_a_file_system_that_cannot_be_written_to(server):
    with pytest.raises(ArchiveError, match=r"cannot be stored: .* choose another data folder"):
        fetch(NAME, "/sys/kernel", server.url, patience=QUICK)
    assert not isinstance(refusal(server, NAME), NotInArchive)
    assert isinstance(refusal(server, "folder/none.h5"), NotInArchive)  # a family may have no test file


def refusal(server, name: str) -> ArchiveError:
    with pytest.raises(ArchiveError) as error:
        fetch(name, "/sys/kernel", server.url, patience=QUICK)
    return error.value


@pytest.mark.parametrize("number", ["EACCES", "EROFS", "EPERM"])
def test_the_message_for_a_folder_that_cannot_be_written_to(bring, monkeypatch, number):
    import errno

    def refuse(*_, **__):
        raise OSError(getattr(errno, number), "refused")

    monkeypatch.setattr(archive.Path, "mkdir", refuse)
    assert "cannot be stored: refused" in refused(bring)


FETCH = """
import sys
from common.archive.retry import Patience
from common.archive.fetch import fetch
print("ready", flush=True)
sys.stdin.readline()
print(fetch(sys.argv[1], sys.argv[2], sys.argv[3], patience=Patience(read_s=600)).stat().st_size)
"""


def start(server, tmp_path):
    command = [sys.executable, "-c", FETCH, NAME, str(tmp_path), server.url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_eight_simultaneous_processes_download_the_file_once(server, tmp_path):
    gate = threading.Event()
    server.always = Fault(held_by=gate)
    processes = [start(server, tmp_path) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    waiting = threading.Semaphore(0)

    def watch(process):
        if "waiting for another process" in process.stderr.readline():
            waiting.release()

    for process in processes:
        threading.Thread(target=watch, args=(process,), daemon=True).start()
    assert all(waiting.acquire(timeout=60) for _ in range(7))
    gate.set()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["300000\n"] * 8
    assert server.ranges(NAME) == [None]


def until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the condition was not met within half a minute")


def test_a_killed_download_blocks_nobody_and_is_resumed(bring, server, tmp_path):
    server.faults.append(Fault(stall_at=1000))
    process = start(server, tmp_path)
    process.stdin.write("go\n")
    process.stdin.flush()
    until(lambda: partial(tmp_path).exists() and partial(tmp_path).stat().st_size == 1000)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not (tmp_path / NAME).exists()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=1000-"]


def test_after_a_failed_download_the_next_call_tries_again(bring, server):
    server.faults.append(Fault(status=404))
    refused(bring, NotInArchive)
    assert bring().read_bytes() == CONTENT


def test_the_origin_is_stored_as_plain_json(bring, tmp_path):
    note = json.loads(archive.sibling(bring(), "origin").read_text())
    assert sorted(note) == ["length", "url", "validator"]


@pytest.mark.parametrize("fault", [RuntimeError, MemoryError, TypeError, KeyError, OSError, RecursionError])
def test_after_any_failed_check_the_file_is_downloaded_again(bring, server, tmp_path, fault):
    def check(path):
        raise fault("an unexpected \x1b[31m fault")

    text = refused(bring, check=check)
    assert "is invalid, and was deleted" in text
    assert "\x1b" not in text
    assert left_behind(tmp_path) == []
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"url": 5, "validator": [], "length": "x"}', "pipe"],
)
@pytest.mark.parametrize("note", ["origin", "absent", "part", "part.json"])
def test_a_cached_file_is_used_whatever_lies_beside_it(tmp_path, server, note, content):
    family = parse_stem(DEFAULT_STEMS["classification"], "classification")
    for split in ("train", "validation", "test"):
        path = sibling(tmp_path / family.file(split), note)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif content == "pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(content)
    server.files[family.file("train")] = CONTENT
    if content is None and note.startswith("part"):
        with pytest.raises(ArchiveError, match="cannot be stored"):
            fetch(family.file("train"), tmp_path, server.url, patience=QUICK)
    else:
        fetch(family.file("train"), tmp_path, server.url, patience=QUICK)
    (tmp_path / family.file("train")).write_bytes(CONTENT)
    options = TrainingOptions(data_root=tmp_path, archive_url=server.url)
    found = resolve("classification", options, lambda *_: {}, patience=QUICK)
    assert found.files["validation"] == found.files["test"] == ()


def test_a_file_system_without_locks(bring, monkeypatch, capsys):
    def no_locks(self, *_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    assert bring().read_bytes() == CONTENT
    assert "this file system does not support locks" in capsys.readouterr().err
