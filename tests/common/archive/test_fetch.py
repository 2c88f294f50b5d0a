"""The archive client against a real server on loopback that misbehaves in every way that we could think of."""

import errno
import hashlib
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.archive import fetch as archive
from common.archive import http
from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import fetch
from common.archive.retry import Patience
from common.errors import UserError

from .client import CONTENT, NAME, QUICK, left_behind, refused
from .misbehaving_server import Fault, MisbehavingServer

OTHER = random.Random(3).randbytes(300_000)
IMPATIENT = Patience(connect_s=5, read_s=0.2, attempts=2, backoff_s=0.001)


def partial(tmp_path):
    return archive.sibling(tmp_path / NAME, "part")


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


def test_origin_of_a_file_that_was_replaced_by_hand_is_the_file(bring):
    path = bring()
    path.write_bytes(b"mine")
    assert archive.origin_of(path) == str(path)


@pytest.mark.parametrize(
    "name", ["Devils_32x32x3_nsamples_ 215820/a b.zip", "100%/c%20d#e?f.h5", "größe/ü.h5", "top.pkl"]
)
def test_names_are_quoted_on_the_wire(bring, server, name):
    server.files[name] = b"content of " + name.encode()
    assert bring(name).read_bytes() == server.files[name]


def test_the_address_may_have_a_path_and_a_slash_at_its_end(server, tmp_path):
    server.files["pub/sets/a.h5"] = CONTENT
    assert fetch("a.h5", tmp_path / "1", f"{server.url}/pub/sets/", patience=QUICK).read_bytes() == CONTENT
    assert fetch("a.h5", tmp_path / "2", f"{server.url}/pub/sets", patience=QUICK).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "a\\b", "C:a", "a\nb", "a\0b", ".."]
)
def test_names_that_leave_the_folder_are_refused(bring, server, tmp_path, name):
    assert "Received" in refused(bring, name=name)
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "data", "", "http://", "http://a:port", "http://a?b=c", "http://a/#b", "file:///tmp", "http://[::1"],
)
def test_addresses_that_cannot_be_used_are_refused(tmp_path, url):
    with pytest.raises(ArchiveError, match="address"):
        fetch("a.h5", tmp_path, url, patience=QUICK)


def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(ArchiveError) as caught:
        fetch("a.h5", tmp_path, "https://anna:s3cret@archive.example/x", patience=QUICK)
    assert "s3cret" not in str(caught.value)
    assert "archive.example" in str(caught.value)


# Transfers that break off


@pytest.mark.parametrize("validators", [("ETag",), ("Last-Modified",), ("ETag", "Last-Modified")])
def test_a_cut_transfer_resumes_where_it_ended(bring, server, validators, capsys):
    server.validators = validators
    server.faults.extend([Fault(cut_at=100_000), Fault(cut_at=50_000)])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", "bytes=150000-"]
    assert server.seen[1]["If-Range"] == server.seen[2]["If-Range"]
    assert "middle of the file" in capsys.readouterr().err


def test_tries_that_get_further_are_not_counted(bring, server):
    server.always = Fault(cut_at=40_000)
    assert bring().read_bytes() == CONTENT
    assert len(server.ranges(NAME)) == 8


def test_a_server_without_range_that_always_cuts_is_given_up(bring, server, tmp_path):
    server.always = Fault(cut_at=1000, no_range=True)
    assert "3 tries in a row" in refused(bring)
    assert not (tmp_path / NAME).exists()


def test_an_interrupted_download_is_kept_and_resumed_the_next_time(bring, server, tmp_path):
    server.faults.extend([Fault(cut_at=123_456), *[Fault(status=503)] * 2])
    assert "run the same command again" in refused(bring)
    assert partial(tmp_path).read_bytes() == CONTENT[:123_456]
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=123456-"


def test_without_a_validator_nothing_is_joined(bring, server):
    server.validators = ()
    server.faults.append(Fault(cut_at=1000))
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


@pytest.mark.parametrize("modified", ["", "yesterday", "Mon, 01 Jan 2120 10:00:00 GMT"])
@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_weak_validators_are_not_used(bring, server, etag, modified):
    server.faults.append(Fault(cut_at=1000, headers={"ETag": etag, "Last-Modified": modified}))
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


@pytest.mark.parametrize("fault", [Fault(), Fault(no_if_range=True), Fault(no_range=True)])
def test_a_file_that_changed_meanwhile_is_started_again(bring, server, fault):
    server.faults.extend([Fault(cut_at=100_000, body=OTHER), fault])
    assert bring().read_bytes() == CONTENT


def test_a_shorter_file_after_a_change_is_started_again(bring, server):
    server.faults.append(Fault(cut_at=200_000, body=OTHER))
    server.files[NAME] = CONTENT[:1000]
    assert bring().read_bytes() == CONTENT[:1000]


def test_a_refused_range_starts_again(bring, server):
    server.faults.extend([Fault(cut_at=100_000), Fault(status=416)])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


@pytest.mark.parametrize("lie", ["bytes 0-299999/300000", "bytes 100000-299999/300001", "bytes 100000-299999/*", ""])
def test_a_lying_content_range_is_not_believed(bring, server, lie):
    server.faults.extend([Fault(cut_at=100_000), Fault(headers={"Content-Range": lie})])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


def test_a_part_that_is_shorter_than_its_range_is_resumed(bring, server):
    server.faults.extend([Fault(cut_at=100_000), Fault(headers={"Content-Length": "50000"})])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", "bytes=150000-"]


def test_a_partial_file_that_is_too_long_is_not_used(bring, server, tmp_path):
    server.faults.extend([Fault(cut_at=1000), *[Fault(status=503)] * 2])
    refused(bring)
    with partial(tmp_path).open("ab") as file:
        file.write(OTHER)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=1000-", "bytes=1000-", None]


def test_a_partial_file_of_another_archive_is_not_used(server, bring, tmp_path):
    server.files[f"mirror/{NAME}"] = CONTENT
    server.faults.extend([Fault(cut_at=1000, body=OTHER), *[Fault(status=500)] * 2])
    with pytest.raises(ArchiveError):
        fetch(NAME, tmp_path, f"{server.url}/mirror", patience=QUICK)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}', "null"])
def test_a_partial_file_with_a_damaged_note_is_downloaded_again(bring, server, tmp_path, note):
    part = partial(tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER[:500])
    part.with_name(part.name + ".json").write_text(note)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


def test_a_complete_partial_file_is_only_checked_and_renamed(bring, server, tmp_path):
    def stopped(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(check=stopped)
    assert not (tmp_path / NAME).exists()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=5), st.integers(0, 3000))
def test_however_a_download_is_cut_the_bytes_are_the_same(tmp_path_factory, cuts, size):
    content = CONTENT[:size]
    with MisbehavingServer() as server:
        server.files["a.h5"] = content
        server.faults.extend(Fault(cut_at=at, no_range=no_range) for at, no_range in cuts)
        patience = Patience(attempts=len(cuts) + 1, backoff_s=0)
        assert fetch("a.h5", tmp_path_factory.mktemp("cache"), server.url, patience=patience).read_bytes() == content


def test_the_progress_bar_starts_where_the_download_resumes(bring, server, monkeypatch):
    import tqdm

    bars = []

    class Bar(tqdm.tqdm):
        def __init__(self, *iterable, **options):
            super().__init__(*iterable, **options)
            bars.append(self)

    monkeypatch.setattr("common.cli.progress.tqdm", Bar)
    server.faults.append(Fault(cut_at=100_000))
    bring()
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(0, 100_000, 300_000), (100_000, 300_000, 300_000)]
    assert all(bar.fp._wrapped is sys.stderr for bar in bars)


# Servers that are down, slow or wrong


def test_a_server_that_recovers_is_asked_again(bring, server):
    server.faults.extend([Fault(status=500), Fault(hang_up=True)])
    assert bring().read_bytes() == CONTENT


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_server_that_only_fails_cannot_be_reached(bring, server, status):
    server.always = Fault(status=status)
    assert f"status {status} (3 tries in a row)" in refused(bring, Unreachable)
    assert len(server.asked) == 3


def test_the_pauses_grow_and_differ(bring, server, monkeypatch):
    pauses = []
    monkeypatch.setattr(http.time, "sleep", pauses.append)
    server.always = Fault(status=503)
    refused(bring, Unreachable, patience=Patience(attempts=8, backoff_s=4))
    for pause, middle in zip(pauses, [4, 8, 16, 32, 60, 60, 60], strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_not_there_is_asked_for_once(bring, server, status):
    server.always = Fault(status=status)
    assert "patches_16x16.h5" in refused(bring, NotInArchive)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_a_refusal_is_not_repeated(bring, server, status):
    server.always = Fault(status=status)
    assert f"status {status}" in refused(bring)
    assert len(server.asked) == 1


def test_a_redirect_is_followed_and_a_circle_is_not(bring, server):
    server.files["elsewhere.h5"] = OTHER
    server.faults.append(Fault(status=302, headers={"Location": "/elsewhere.h5"}))
    assert bring().read_bytes() == OTHER
    server.always = Fault(status=302, headers={"Location": "/circle.h5"})
    assert "is invalid" in refused(bring, name="circle.h5")


def test_a_password_in_a_redirect_is_not_printed(bring, server, capfd):
    to = f"http://user:s3cret@127.0.0.1:{server.server_port}/page?signature=s3cret#s3cret"
    page = Fault(body=b"<html>log in", headers={"Content-Type": "text/html"})
    server.files["page"] = server.files["page?signature=s3cret"] = b""
    server.faults.extend([Fault(status=302, headers={"Location": to}), page])
    text = refused(bring)
    assert "text/html from http://127.0.0.1" in text
    for fault in (Fault(status=404), Fault(status=403), Fault(status=503), Fault(hang_up=True)):
        server.faults.clear()
        for _ in range(QUICK.attempts):
            server.faults.extend([Fault(status=302, headers={"Location": to}), fault])
        text += refused(bring, kind={404: NotInArchive, 403: ArchiveError}.get(fault.status, Unreachable))
    assert "s3cret" not in text + "".join(capfd.readouterr())


def test_a_server_that_stalls_in_the_middle_is_given_up(bring, server, tmp_path):
    server.always = Fault(stall_at=1000)
    server.faults.append(Fault(stall_at=100_000))
    text = refused(bring, patience=Patience(read_s=0.2, attempts=1))
    assert "sent nothing for 0.2 s" in text
    assert partial(tmp_path).stat().st_size == 100_000


def test_a_server_that_never_answers_cannot_be_reached(bring, server):
    server.always = Fault(held_by=server.stopping)
    assert "no answer within 0.2 s" in refused(bring, Unreachable, patience=IMPATIENT)


def test_a_refused_connection(tmp_path):
    with MisbehavingServer() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match=r"it refuses connections \(2 tries in a row\)"):
        fetch(NAME, tmp_path, url, patience=IMPATIENT)


def test_an_unknown_server(tmp_path, monkeypatch):
    import socket

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"its name is not known \(DNS\)"):
        fetch(NAME, tmp_path, "http://archive.invalid", patience=IMPATIENT)


def test_a_server_that_does_not_speak_tls(server, tmp_path):
    with pytest.raises(Unreachable, match="TLS"):
        fetch(NAME, tmp_path, server.url.replace("http:", "https:"), patience=IMPATIENT)


def test_a_certificate_that_nobody_signed(server, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    for ask in (lambda: fetch(NAME, tmp_path, url, patience=QUICK), lambda: archive.listing("", url, patience=QUICK)):
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            ask()


def self_signed(path):
    """A fresh key with its certificate for 127.0.0.1, in one PEM file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


def test_a_proxy_that_refuses(server, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="proxy"):
        fetch(NAME, tmp_path, "https://archive.invalid", patience=IMPATIENT)


def test_a_page_in_place_of_the_file_is_recognised(bring, server, tmp_path):
    server.always = Fault(body=b"<html>Please log in</html>", headers={"Content-Type": "text/html; charset=utf-8"})
    assert "web page" in refused(bring)
    server.always = Fault(body=b"\n<!DOCTYPE html><html>Please log in</html>")
    assert "web page" in refused(bring)
    assert left_behind(tmp_path) == []


def test_a_page_does_not_cost_the_partial_file(bring, server):
    page = Fault(body=b"<html>", headers={"Content-Type": "text/html"}, no_range=True)
    server.faults.extend([Fault(cut_at=100_000), page])
    refused(bring)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=100000-"


def test_a_compressed_answer_is_refused(bring, server):
    server.always = Fault(headers={"Content-Encoding": "gzip"})
    assert "gzip" in refused(bring)


@pytest.mark.parametrize(("declared", "words"), [("300001", "broke off after 300000 bytes")])
def test_a_body_shorter_than_declared_is_not_put_in_place(bring, server, tmp_path, declared, words):
    server.always = Fault(headers={"Content-Length": declared, "Content-Range": "none"})
    assert words in refused(bring)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("declared", ["many", "-5"])
def test_a_senseless_length_is_ignored(bring, server, declared):
    server.always = Fault(headers={"Content-Length": declared})
    assert bring().read_bytes() == CONTENT


def test_an_empty_file_is_a_file(bring, server):
    server.files["empty.h5"] = b""
    assert bring("empty.h5").read_bytes() == b""


# Checks


def sums(*lines):
    return "\n".join(lines).encode()


@pytest.mark.parametrize("form", ["{}  {}", "{} *{}", "{}  ./{}"])
def test_a_file_that_matches_its_checksum(bring, server, form):
    line = form.format(hashlib.sha256(CONTENT).hexdigest().upper(), "patches_16x16.h5")
    server.files["classification/some family/SHA256SUMS"] = sums("0" * 64 + "  other.h5", line)
    assert bring().read_bytes() == CONTENT


def test_a_file_that_does_not_match_its_checksum_is_deleted(bring, server, tmp_path):
    server.files["classification/some family/SHA256SUMS"] = sums("0" * 64 + "  patches_16x16.h5\r")
    assert "SHA256SUMS" in refused(bring)
    assert left_behind(tmp_path) == []


def test_garbage_and_other_files_in_a_list_are_ignored(bring, server):
    server.files["classification/some family/SHA256SUMS"] = b"\xff\xfe garbage\n" + b"0" * 64 + b"  another.h5"
    assert bring().read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_list_that_the_server_refuses_is_ignored(bring, server, status):
    server.beside = Fault(status=status)
    assert bring().read_bytes() == CONTENT


def test_a_list_that_cannot_be_read_now_keeps_what_has_arrived(bring, server, tmp_path):
    server.beside = Fault(status=503)
    assert "was downloaded and is kept" in refused(bring)
    assert not (tmp_path / NAME).exists()
    server.beside = Fault()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


def test_a_file_is_checked_before_it_is_put_in_place(bring, tmp_path):
    def check(path):
        assert path.read_bytes() == CONTENT
        assert not (tmp_path / NAME).exists()
        raise UserError(f"{path}: no X in it. Received: keys [].")

    text = refused(bring, check=check)
    assert "no X in it" in text
    assert ".part" not in text
    assert left_behind(tmp_path) == []


# Disks


LIMITED = """
import resource, signal, sys
from common.archive.download_errors import Patience
from common.archive.fetch import fetch
from common.cli.program import run_main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
sys.exit(run_main(lambda: fetch(sys.argv[1], sys.argv[2], sys.argv[4]) and None))
"""


def test_when_the_disk_takes_no_more_the_part_on_it_is_kept(bring, server, tmp_path):
    command = [sys.executable, "-c", LIMITED, NAME, str(tmp_path), "100000", server.url]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: http")
    assert "the file is too large for this disk" in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / NAME).exists()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=100000-"


def test_a_full_disk_keeps_what_has_arrived(bring, server, monkeypatch):
    def full(_):  # a disk that allocates late reports only here that it is full
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "the disk is full. Make room and run again; the part that has arrived is kept" in refused(bring)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


def test_a_file_in_the_place_of_a_folder(bring, tmp_path):
    (tmp_path / "classification").write_bytes(b"")
    assert "something else has this name" in refused(bring)


def test_a_folder_in_the_place_of_the_file(bring, tmp_path):
    (tmp_path / NAME).mkdir(parents=True)
    assert "something else has this name" in refused(bring)


def test_a_name_that_is_too_long_for_the_disk(bring):
    assert "too long" in refused(bring, name="a" * 300)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(bring, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "cannot be written" in refused(bring)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a file system where not even root can make folders")
def test_a_file_system_that_cannot_be_written(server):
    with pytest.raises(ArchiveError, match="cannot be written"):
        fetch(NAME, "/sys/kernel", server.url, patience=QUICK)
    assert not isinstance(refusal(server, NAME), NotInArchive)
    assert isinstance(refusal(server, "folder/none.h5"), NotInArchive)  # a family may lack a test file


def refusal(server, name: str) -> ArchiveError:
    with pytest.raises(ArchiveError) as error:
        fetch(name, "/sys/kernel", server.url, patience=QUICK)
    return error.value


@pytest.mark.parametrize("number", ["EACCES", "EROFS", "EPERM"])
def test_the_message_for_a_folder_that_cannot_be_written(bring, monkeypatch, number):
    import errno

    def refuse(*_, **__):
        raise OSError(getattr(errno, number), "refused")

    monkeypatch.setattr(archive.Path, "mkdir", refuse)
    assert "cannot be written" in refused(bring)


# Many processes


FETCH = """
import sys
from common.archive.download_errors import Patience
from common.archive.fetch import fetch
print("ready", flush=True)
sys.stdin.readline()
print(fetch(sys.argv[1], sys.argv[2], sys.argv[3], patience=Patience(read_s=600)).stat().st_size)
"""


def start(server, tmp_path):
    command = [sys.executable, "-c", FETCH, NAME, str(tmp_path), server.url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_eight_processes_at_once_download_once(server, tmp_path):
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


def test_after_a_failed_download_the_next_process_tries_itself(bring, server):
    server.faults.append(Fault(status=404))
    refused(bring, NotInArchive)
    assert bring().read_bytes() == CONTENT


# Index pages

PYTHON_PAGE = """<!DOCTYPE HTML><html><head><title>Directory listing for /sets/</title></head><body><h1>Directory</h1>
<ul><li><a href="a%20b/">a b/</a></li><li><a href="c%25.h5">c%.h5</a></li></ul></body></html>"""
NGINX_PAGE = """<html><head><title>Index of /sets/</title></head><body><h1>Index of /sets/</h1><hr><pre>
<a href="../">../</a>
<a href="a%20b/">a b/</a>   01-Jan-2024 10:00   -
<a href="c%25.h5">c%.h..&gt;</a>  01-Jan-2024 10:00   17</pre></body></html>"""
APACHE_PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of /sets</title></head>
<body><table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="a%20b/">a b/</a></td></tr><tr><td><a href="c%25.h5">c%.h5</a></td></tr></table></body></html>"""
ABSOLUTE_PAGE = """<html><head><title>Index of /sets</title></head><body><a href="/sets/a b/">x</a>
<a href="/sets/c%25.h5">y</a><a href="https://elsewhere.example/">z</a><a href="deep/er.h5">w</a></body></html>"""


@pytest.mark.parametrize("page", [PYTHON_PAGE, NGINX_PAGE, APACHE_PAGE, ABSOLUTE_PAGE])
def test_index_pages_are_read(server, page):
    read = archive.index_page.names(http.Page(f"{server.url}/sets/", "text/html", page))
    assert read == ["a b/", "c%.h5"]


def test_other_pages_are_not_mistaken_for_an_index(server):
    page = "<html><head><title>Welcome</title></head><body><a href='about'>us</a></body></html>"
    assert archive.index_page.names(http.Page(f"{server.url}/", "text/html", page)) is None
    assert archive.index_page.names(http.Page(f"{server.url}/", "text/plain", PYTHON_PAGE)) is None
    assert archive.listing("nothing", server.url, patience=QUICK) is None


def test_listing_a_server_that_is_gone(tmp_path):
    with MisbehavingServer() as gone:
        url = gone.url
    with pytest.raises(Unreachable):
        archive.listing("", url, patience=IMPATIENT)


def test_the_index_of_a_real_python_server(tmp_path):
    from functools import partial as bound
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "a b").mkdir()
    for name in ("x y.h5", "100%.h5", "ü.h5"):
        (tmp_path / "a b" / name).write_bytes(name.encode())
    with ThreadingHTTPServer(("127.0.0.1", 0), bound(Quiet, directory=str(tmp_path))) as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{served.server_port}"
        assert archive.listing("", url, patience=QUICK) == ["a b/"]
        assert archive.listing("a b", url, patience=QUICK) == ["100%.h5", "x y.h5", "ü.h5"]
        assert fetch("a b/100%.h5", tmp_path / "cache", url, patience=QUICK).read_bytes() == b"100%.h5"
        served.shutdown()


def test_the_note_of_an_origin_is_plain_json(bring, tmp_path):
    note = json.loads(archive.sibling(bring(), "origin").read_text())
    assert sorted(note) == ["length", "url", "validator"]
