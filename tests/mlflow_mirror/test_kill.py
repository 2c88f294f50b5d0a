"""The server and the run are killed at random times; after a restart and a sync, the server has everything."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.tracking import journal
from mlflow_mirror import sync_and_status

from ..common.tracking.mlflow_server import MLFLOW, MlflowServer, differences, mlflow_214

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other
TRAINING = Path(__file__).with_name("training.py")


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """Starts a server that the tests may kill, with this environment's MLflow or with MLflow 2.14."""
    mlflow = mlflow_214() if getattr(request, "param", "3") == "2.14" else MLFLOW
    server = MlflowServer(tmp_path_factory.mktemp("server"), mlflow)
    yield server
    server.kill()


def train(folder: Path, url: str, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(TRAINING), str(folder), url, "60", "0.1", *more], stdout=subprocess.PIPE, text=True
    )


def kill_mirror(folder: Path) -> None:
    """Kills the process that sends a run; finds it by its command line."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().split(b"\0")
            if b"mlflow_mirror.beside_run" in line and str(folder).encode() in line:
                os.kill(int(entry.name), signal.SIGKILL)


def one_round(folder: Path, server: MlflowServer, random: random.Random) -> str:
    """Trains, kills the server and the run at random times, and restarts them. Returns a description of the events."""
    training = train(folder, server.url)
    training.stdout.readline()  # by then, the first epoch is in the folder
    events = sorted((random.uniform(0, 9), what) for what in ("server", "training", "mirror") if random.random() < 0.8)
    begin = time.monotonic()
    for moment, what in events:
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        if what == "server":
            server.kill()
        elif what == "training":
            training.kill()
        else:
            kill_mirror(folder)
    resume = random.random() < 0.5
    if "training" not in [what for _, what in events]:
        training.kill() if random.random() < 0.5 else None
    training.communicate()
    kill_mirror(folder)  # the records that this process was sending are lost
    if server.poll() is not None:
        server.start()
    if resume and journal.last_status(folder)[0] == "RUNNING":
        train(folder, server.url, "resume").communicate()
    return " ".join(f"{what}@{moment:.1f}s" for moment, what in events) + (" resumed" if resume else "")


_LONG = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.mark.parametrize(
    ("server", "rounds"),
    [("3", 1), pytest.param("3", 20, marks=_LONG), pytest.param("2.14", 20, marks=_LONG)],
    indirect=["server"],
)
def test_kill_anything_at_any_time(rounds, server, tmp_path, capsys):
    seed = int(os.environ.get("BALL_SEED", time.time_ns() % 2**32))
    print(f"BALL_SEED={seed}")
    for number in range(rounds):
        folder = tmp_path / f"round{number}"
        done = one_round(folder, server, random.Random(seed + number))
        code = sync_and_status.sync([folder], tmp_path, server.url)
        with capsys.disabled():
            print(f"\nround {number}, seed {seed + number}: {done}", end="")
        assert code == 0
        assert differences(folder, server.url) == []
        assert sum(1 for _ in journal.read(folder)) > 4


@pytest.mark.parametrize("server", ["3"], indirect=True)
def test_a_server_that_comes_back_empty_gets_everything_again(server, tmp_path):
    folder = tmp_path / "run"
    train(folder, server.url).communicate()
    assert differences(folder, server.url) == []
    server.kill()
    for path in server.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    server.start()
    assert sync_and_status.sync([folder], tmp_path, server.url) == 0
    assert differences(folder, server.url) == []
