"""The table of faults in docs/reliability.md: a real server behind a proxy that misbehaves, and nothing is lost."""

import datetime
import os
import socket

import pytest

from common.tracking import journal, server_state
from common.tracking.mirror.mlflow_settings import prepare
from common.tracking.mirror.send import REFUSED_TAG, Sender
from common.tracking.pending import pending

from .fault_proxy import Fault, FaultProxy
from .mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def train(run, epochs) -> None:
    for epoch in epochs:
        run.metrics({"loss": 1 / (epoch + 1), "val_auroc": 0.9 + epoch / 1000}, step=epoch)


def add_files(run) -> None:
    (run.folder / "metrics.csv").write_text("epoch,loss\n1,0.5\n")
    (run.folder / "large.bin").write_bytes(bytes(range(256)) * 8000)
    (run.folder / "empty.txt").write_text("")
    run.artifact("metrics.csv")
    run.artifact("large.bin", "files")
    run.artifact("empty.txt")
    run.dataset("patches", digest="ab" * 32, source="https://archive/x.h5", context="training", patches=100)


def send(run, seconds=30):
    """Sends everything pending; requests time out after `seconds` (the fixture `proxy` restores the variable)."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(seconds)
    prepare()
    sender = Sender(run.folder, journal.servers(run.folder)[0])
    with sender.lock:
        return sender.step()


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
def test_a_fault_costs_nothing(name, proxy, start):
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


def test_a_file_that_is_too_large_holds_nothing_up(proxy, start):
    run = start(proxy.url)
    add_files(run)
    train(run, range(3))
    run.finish("FINISHED")
    proxy.fault = Fault("status", 413, only="large.bin")
    assert send(run) is None
    proxy.fault = Fault()
    assert [wrong[:20] for wrong in differences(run.folder, proxy.url)] == ["file files/large.bin"]
    left = pending(run.folder, proxy.url)
    assert left.words() == "1 file (too large for the server (413))"
    assert "large.bin" in remote_tags(run, proxy.url)[REFUSED_TAG]
    assert send(run) is None
    assert differences(run.folder, proxy.url) == []
    assert not remote_tags(run, proxy.url)[REFUSED_TAG]


def remote_tags(run, url):
    from mlflow.tracking import MlflowClient

    return MlflowClient(url).get_run(server_state.load(run.folder, url).run_id).data.tags


def test_a_server_that_fails_for_long_is_not_mistaken_for_a_bad_value(proxy, start):
    run = start(proxy.url)
    assert send(run) is None
    train(run, range(3))
    proxy.fault = Fault("status", 500)
    prepare()
    sender = Sender(run.folder, proxy.url)
    assert [sender.step().kind for _ in range(5)] == ["away"] * 5
    proxy.fault = Fault()
    run.finish("FINISHED")
    assert sender.step() is None
    assert differences(run.folder, proxy.url) == []


def test_a_value_that_breaks_the_server_does_not_hold_up_the_others(proxy, start, monkeypatch):
    run = start(proxy.url, parameters={f"p{i}": i for i in range(20)})
    prepare()
    sender = Sender(run.folder, proxy.url)
    assert sender.step() is None
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    original = MlflowClient.log_batch

    def picky(self, run_id, metrics=(), params=(), tags=(), **keywords):
        """Replaces a database that cannot store one of the values; which values those are differs between databases."""
        if any(tag.key == "bad" for tag in tags):
            raise MlflowException("API request failed with error code 500 != 200")
        return original(self, run_id, metrics, params, tags, **keywords)

    monkeypatch.setattr(MlflowClient, "log_batch", picky)
    run.tags({"good": 1, "bad": 2, "fine": 3})
    train(run, range(3))
    run.finish("FINISHED")
    assert [fault and fault.kind for fault in (sender.step(), sender.step(), sender.step())] == ["away", "away", None]
    assert differences(run.folder, proxy.url) == ["tag bad: None, not 2"]
    assert "tag bad" in remote_tags(run, proxy.url)[REFUSED_TAG]
    monkeypatch.undo()
    assert send(run) is None  # a later sync tries again
    assert differences(run.folder, proxy.url) == []


def test_an_unknown_certificate_fails_closed(mlflow_3, start, tmp_path, monkeypatch):
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
    """A self-signed certificate for 127.0.0.1 with its key, as one PEM file."""
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
