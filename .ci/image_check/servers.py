"""Starts a real MLflow server on loopback, and reads its runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from verdict import expect

START_SECONDS = 300


@contextmanager
def mlflow_server(folder: Path):
    """Starts a real MLflow server on loopback, and yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri, place = f"http://127.0.0.1:{port}", Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--artifacts-destination", f"{place}/files"]
    with (place / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(uri):
            started = server.poll() is None and time.monotonic() < deadline
            expect(started, "an MLflow server", f"none after {START_SECONDS} s", (place / "log").read_text())
            time.sleep(0.2)
        yield uri
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):  # on a busy machine, the server may not end soon after SIGTERM
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, number)
                server.wait(timeout=30)


def _answers(uri: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:  # noqa: S310
        return answer.status == 200
    return False


def tracked(uri: str) -> str:
    """Describes the server's only run, which must be finished and have metrics."""
    body = json.dumps({"experiment_ids": [str(n) for n in range(5)], "max_results": 10}).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{uri}/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        runs = json.load(answer).get("runs", [])
    expect(len(runs) == 1, "one run on the server", str(len(runs)))
    data, status = runs[0]["data"], runs[0]["info"]["status"]
    expect(status == "FINISHED" and len(data["metrics"]) > 5, "a finished run with metrics", status)
    return f"1 run, {status}, {len(data['metrics'])} metrics"
