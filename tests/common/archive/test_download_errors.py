"""Every failed request is reported in one clear line without secrets."""

import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from common.archive.download_errors import ArchiveError, NotInArchive, Transient, Unreachable, request_trouble, shown
from common.archive.fetch import fetch, listing

from .client import IMPATIENT, NAME, QUICK, SLOW, left_behind, refused
from .misbehaving_server import Fault, MisbehavingServer

# When `requests` refuses a redirect, it does not close the connection but leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


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


def test_a_refused_connection(tmp_path):
    with MisbehavingServer() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match=r"it refuses connections \(2 tries in a row\)"):
        fetch(NAME, tmp_path, url, patience=IMPATIENT)


def test_an_unknown_server(tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"its name is not known \(DNS\)"):
        fetch(NAME, tmp_path, "http://archive.invalid", patience=IMPATIENT)


def test_a_server_that_does_not_speak_tls(server, tmp_path):
    with pytest.raises(Unreachable, match="TLS"):
        fetch(NAME, tmp_path, server.url.replace("http:", "https:"), patience=IMPATIENT)


def test_a_self_signed_certificate(server, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    for ask in (lambda: fetch(NAME, tmp_path, url, patience=QUICK), lambda: listing("", url, patience=QUICK)):
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            ask()


def self_signed(path):
    """Creates a private key and its certificate for 127.0.0.1, in one PEM file."""
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
def test_an_invalid_redirect_is_reported_in_one_line(bring, server, tmp_path, to):
    server.always = Fault(status=302, headers={"Location": to})
    with pytest.raises(ArchiveError) as caught:
        bring()
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []
    server.beside = Fault(status=302, headers={"Location": to})
    with suppress(Unreachable):
        assert listing("classification", server.url, patience=QUICK) is None


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


@given(st.text("ab@:/?#[]\\%&=.", max_size=30), st.text("ab@:/?#[]%&=.", max_size=20))
def test_an_address_is_shown_without_user_query_and_fragment(host, rest):
    for url in (f"https://us3r:s3cret@{host}/{rest}", f"https://host/x?s3cret={rest}", f"https://host/x#s3cret{rest}"):
        assert "s3cret" not in shown(url)
    assert shown(f"https://host:1/{rest}".partition("?")[0].partition("#")[0]).startswith("https://host:1/")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (requests.exceptions.ConnectTimeout("x"), Transient, "does not answer in time"),
        (requests.exceptions.ConnectionError("Connection refused"), Transient, "it refuses connections"),
        (requests.exceptions.ConnectionError("Temporary failure in name resolution"), Transient, "name is not known"),
        (requests.exceptions.ChunkedEncodingError("\x1b[31m" + "x" * 1000), Transient, "the connection failed"),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), Unreachable, "certificate is not trusted"),
        (requests.exceptions.SSLError("[X509] PEM lib"), ArchiveError, "certificates for checking"),
        (OSError("Could not find a suitable TLS CA certificate bundle"), ArchiveError, "certificates for checking"),
        (requests.exceptions.TooManyRedirects("x"), ArchiveError, "address is invalid"),
        (requests.exceptions.InvalidURL("x"), ArchiveError, "address is invalid"),
        (urllib3.exceptions.LocationParseError("x"), ArchiveError, "address is invalid"),
        (UnicodeError("x"), ArchiveError, "address is invalid"),
    ],
)
def test_only_temporary_faults_are_tried_again(error, kind, words):
    found = request_trouble(error, "https://host/a.h5")
    assert type(found) is kind
    assert words in str(found)
    assert str(found).isprintable()
