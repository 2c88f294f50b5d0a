"""Every failed request gives one clear line."""

import gzip
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from common.archive import fetch as archive
from common.archive import http
from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import fetch, listing, sibling
from common.archive.retry import Patience

from .client import CONTENT, IMPATIENT, LIST, NAME, OTHER, QUICK, left_behind, partial, refused
from .misbehaving_server import Fault, MisbehavingServer

# When requests refuses a redirect, it does not close the connection but leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


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
    assert "it does not answer in time" in refused(bring, Unreachable, patience=IMPATIENT)


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


SLOW = Patience(connect_s=2, read_s=2, attempts=2, backoff_s=0.001, slow_s=0.4)


class Drip:
    """Sends single bytes with long pauses, until the test is over."""

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
def test_a_transfer_without_progress_ends(bring, server, monkeypatch, tmp_path, lists, headers):
    drip = Drip(monkeypatch, server, lists, headers)
    server.files[LIST] = b"x"
    patience = Patience(connect_s=0.3, read_s=0.3, attempts=2, backoff_s=0.001, slow_s=0.4) if headers else SLOW
    begin = time.monotonic()
    text = refused(bring, patience=patience, kind=Unreachable if headers and not lists else ArchiveError)
    assert time.monotonic() - begin < 10
    assert ("no complete answer within" if headers else "bytes came in") in text
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


@pytest.mark.parametrize(
    "to",
    [
        "http://[evil/x",
        "http://a..b/x",
        "http://" + "a" * 70 + ".com/",
        "http://*.x/",
        "http://",
        "http://127.0.0.1:99999/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "/\xff\xfe",
        "http://a\u2100b/".encode().decode("latin-1"),
        "//",
        "http://\x01/",
        "http://user@/",
    ],
)
def test_a_redirect_to_nowhere_is_one_line(bring, server, tmp_path, to):
    server.always = Fault(status=302, headers={"Location": to})
    with pytest.raises(ArchiveError) as caught:
        bring()
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []
    server.beside = Fault(status=302, headers={"Location": to})
    with suppress(Unreachable):
        assert listing("classification", server.url, patience=QUICK) is None


def test_a_packed_list_of_a_gigabyte_is_read_in_part(bring, server):
    packed = gzip.compress(bytes(1 << 28), 9)
    server.files[LIST] = packed
    server.beside = Fault(headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert bring().read_bytes() == CONTENT


def test_a_packed_list_is_obeyed(bring, server):
    server.files[LIST] = gzip.compress(f"{'0' * 64}  {Path(NAME).name}\n".encode())
    server.beside = Fault(headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert "does not match the archive's SHA256SUMS and was deleted" in refused(bring)


@pytest.mark.parametrize("kind", ["missing", "folder", "garbage", "empty"])
def test_certificates_that_cannot_be_used(server, tmp_path, monkeypatch, kind):
    bundle = tmp_path / "certificates.pem"
    if kind == "folder":
        bundle.mkdir()
    elif kind != "missing":
        bundle.write_bytes(b"" if kind == "empty" else b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ArchiveError) as caught:
        fetch(NAME, tmp_path, f"https://127.0.0.1:{server.server_port}", patience=SLOW)
    assert "\n" not in str(caught.value)
    if kind in ("missing", "garbage", "empty"):
        assert f"REQUESTS_CA_BUNDLE={bundle}" in str(caught.value)
