"""Tests the faults in docs/reliability.md with a real server behind a misbehaving proxy: no data is lost."""

import datetime
import socket

import pytest

from .fault_proxy import Fault, FaultProxy
from .mlflow_server import differences
from .small_runs import add_files, send, train

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


FAULTS = {
    "time-out": (Fault("silent"), "it does not answer in time"),
    "answers too late": (Fault("late", 1.5), "it does not answer in time"),
    "500": (Fault("status", 500), "it answers 500"),
    "502": (Fault("status", 502), "the gateway in front of it gets no answer (502)"),
    "503": (Fault("status", 503), "it is not ready (503)"),
    "429": (Fault("status", 429), "it is overloaded (429)"),
    "401": (Fault("status", 401), "it does not accept our credentials (401)"),
    "403": (Fault("status", 403), "it denies access (403)"),
    "hangs up": (Fault("hang up"), "it closed the connection"),
    "a web page": (Fault("garbage"), "it does not answer like an MLflow server"),
    "dies in an upload": (Fault("cut", only="/mlflow-artifacts/"), "it closed the connection"),
    "500 for files": (Fault("status", 500, only="/mlflow-artifacts/"), "it answers 500"),
    "dies in a batch": (Fault("cut", only="/log-batch"), "it closed the connection"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_data_is_lost_after_a_fault(name, proxy, start):
    fault, words = FAULTS[name]
    run = start(proxy.url)
    train(run, range(3))
    assert send(run) is None
    proxy.fault = fault
    train(run, range(3, 6))
    add_files(run)
    found = send(run, seconds=1)
    assert (found.kind, found.words) == ("away", words)
    run.finish("FINISHED")
    proxy.fault = Fault()
    proxy.released.set()
    assert send(run) is None
    assert differences(run.folder, proxy.url) == []


@pytest.mark.parametrize("name", ["answers too late", "503"])
def test_a_fault_from_the_start_creates_one_run(name, proxy, start):
    run = start(proxy.url)
    train(run, range(3))
    proxy.fault = FAULTS[name][0]
    for _ in range(3):
        assert send(run, seconds=1).kind == "away"
    proxy.fault = Fault()
    proxy.released.set()
    run.finish("FAILED")
    assert send(run) is None
    assert differences(run.folder, proxy.url) == []


def test_refused_connections(proxy, start):
    run = start(proxy.url)
    train(run, range(2))
    proxy.refuse()
    assert send(run).words == "it refuses connections"
    proxy.restore()
    run.finish("KILLED")
    assert send(run) is None
    assert differences(run.folder, proxy.url) == []


def test_an_unknown_name(proxy, start, monkeypatch):
    url = f"http://mlflow.invalid:{proxy.port}"
    run = start(url)
    train(run, range(3))
    assert send(run).words == "its name is not known (DNS)"
    run.finish("FINISHED")
    known = socket.getaddrinfo
    names = {"mlflow.invalid": "127.0.0.1"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: known(names.get(host, host), *more, **named)
    )
    assert send(run) is None
    assert differences(run.folder, url) == []


def test_nothing_is_sent_to_a_server_with_an_unknown_certificate(mlflow_3, start, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with FaultProxy(mlflow_3.port, certificate(tmp_path)) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        run = start(proxy.url)
        train(run, range(3))
        assert send(run).words.startswith("its certificate is not trusted")
        assert proxy.requests == []
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "server.pem"))
        run.finish("FINISHED")
        assert send(run) is None
        assert proxy.requests
        assert differences(run.folder, proxy.url) == []


def certificate(folder):
    """Makes a self-signed certificate for 127.0.0.1 and its private key, in one PEM file."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path
