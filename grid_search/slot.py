"""Trains the runs of a grid on a node of a Ray cluster, one after the other, as forks of that node's fork server."""

import hashlib
import importlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from common.cli import launch
from common.cli.option import from_json
from common.errors import UserError
from grid_search import connect_to_ray
from grid_search.capacity import Needs
from grid_search.fork_server import end_with
from grid_search.run_folders import Change, apply, changes

START_SECONDS = 60.0  # time limit for starting a fork server; a very busy machine may need this long


@dataclass(frozen=True)
class Setup:
    """The settings that all slots and runs of a grid share.

    jobs: how many runs train at the same time. home: the driver's node. worker: the socket of that node's fork server.
    defaults: options for which every other node uses its own default. environment: environment variables for every run.
    digests: the data that every node must have, as (options, digest per split).
    """

    module: str
    jobs: int
    home: str
    worker: str
    need: Needs
    defaults: tuple[str, ...]
    environment: dict[str, str]
    digests: tuple[tuple[dict, dict], ...]


class Slot:
    """A Ray actor that trains one run at a time in one thread, and answers requests in other threads.

    On the driver's node, runs write into the driver's folders. On other nodes, runs write into a temporary folder, and
    the driver fetches the changes.
    """

    def __init__(self, setup: Setup, node: str):
        self._setup, self._far = setup, node != setup.home
        gpus = ",".join(str(gpu) for gpu in ray.get_gpu_ids())
        self._environment = setup.environment | {"CUDA_VISIBLE_DEVICES": gpus or "-1"}
        self._worker = meeting_place(f"{Path(setup.worker).name} {node}") if self._far else Path(setup.worker)
        self._process: subprocess.Popen | None = None
        self._root = _temporary_folder() if self._far else None
        self._folder: Path | None = None
        self._seen: dict = {}
        self._looking = threading.Lock()
        self._connection, self._stopped = None, False
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()

    def about(self) -> tuple[str, str]:
        """Waits until the slot is ready; returns the name of this host, and why it cannot be used ("" if it can).

        Raises:
            RuntimeError: runs cannot start; the message says why.
        """
        self._connect()[0].close()
        return socket.gethostname(), self._fault_of_data() if self._far else ""

    def _fault_of_data(self) -> str:
        """Downloads the data of all runs to this node, and compares it with the data on the driver's node."""
        module = importlib.import_module(self._setup.module)
        try:
            for options, expected in self._setup.digests:
                parts = module.load_data(from_json(module.Options, self._here(options))).parts
                if {split: part.digest for split, part in parts.items()} != expected:
                    return "its data differs from the driver's"
        except UserError as error:
            return f"its data is missing: {error}"
        return ""

    def train(self, options: dict, log: str, files: tuple[Change, ...]) -> tuple[int, list[Change]]:
        """Trains a run to the end; returns its exit status (negative: the signal that killed it) and the last changes.

        options (as `TrainingOptions.as_json`) and log are those on the driver's node. files: the files of
        the run to resume, if this slot is on another node.

        Raises:
            RuntimeError: runs cannot start, or the fork that started this run was killed.
        """
        self._stopped = False
        if self._far:
            options, log = self._unpack(options, files), str(self._root / "log")
        connection, answers, group = self._connect()
        answer = ""
        with connection, suppress(ConnectionError):
            _send(connection, json.dumps({"options": options, "log": log, "environment": self._environment}))
            self._connection = connection
            if self._stopped:
                self.stop()
            answer = answers.readline().strip()
        if not answer:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)  # otherwise the run would continue for a moment
            raise RuntimeError("the process from which the run was forked was killed")
        return int(answer), self.look()

    def look(self) -> list[Change]:
        """Returns the changes since the last call, or [] on the driver's node, where the driver reads the folder."""
        if not self._far:
            return []
        with self._looking:
            log, runs = self._root / "log", self._root / "runs"
            found = [("log", 0, log.read_bytes())] if log.exists() else []
            self._folder = self._folder or next((path.parent for path in runs.glob("*/config.json")), None)
            if self._folder:
                found += [(f"{self._folder.name}/{name}", *rest) for name, *rest in changes(self._folder, self._seen)]
            return found

    def stop(self) -> None:
        """Asks the run to end; the best model so far is saved and evaluated."""
        self._stopped = True
        if self._connection:
            _send(self._connection, "stop")

    def _here(self, options: dict) -> dict:
        return {name: value for name, value in options.items() if not (self._far and name in self._setup.defaults)}

    def _unpack(self, options: dict, files: tuple[Change, ...]) -> dict:
        """Prepares a folder for a run on this node, with the driver's files if the run is resumed."""
        shutil.rmtree(self._root, ignore_errors=True)
        runs = self._root / "runs"
        runs.mkdir(parents=True)
        self._folder, self._seen = None, {}
        options = self._here(options) | {"output_dir": str(runs)}
        if options["resume"]:
            self._folder = runs / Path(options["resume"]).name
            apply(self._folder, files)
            changes(self._folder, self._seen)
            options["resume"] = str(self._folder)
        return options

    def _connect(self) -> tuple:
        """Returns a connection to a new fork of the fork server, a file with the fork's replies, and its process group.

        Starts the fork server if there is none, or if it died before it replied.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX)
            with suppress(ConnectionError, FileNotFoundError):  # the fork server may not be listening yet
                connection.connect(str(self._worker))
                answers = connection.makefile()
                state, _, pid = answers.readline().strip().partition(" ")
                if state == "ready":
                    return connection, answers, int(pid)
                if state:
                    raise RuntimeError(f"{state} {pid} (on {socket.gethostname()})")
            connection.close()
            if self._process is None or self._process.poll() is not None:
                self._process = start_worker(self._setup.module, self._worker, self._setup.need.threads)
            time.sleep(0.1)
        raise RuntimeError(f"the process from which runs are forked does not start (on {socket.gethostname()})")


def start_slot(setup: Setup, node: str):
    """Starts a slot on a node; returns Ray's handle for it."""
    remote = ray.remote(Slot).options(
        num_cpus=setup.need.threads,
        num_gpus=setup.need.gpus,
        memory=setup.need.memory,
        max_concurrency=4,  # the slot handles requests while it trains
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    )
    return remote.remote(setup, node)


def meeting_place(worker: str) -> Path:
    """Returns the path of a fork server's socket, which is in a folder that only this user can enter.

    On some Unix systems, the permissions of the socket itself are not checked.

    Raises:
        UserError: another user created that folder.
    """
    name = hashlib.sha256(worker.encode()).hexdigest()[:16]
    folder = f"grid-{os.getuid()}"
    place = connect_to_ray.short_folder(len(f"{folder}/{name}")) / folder
    place.mkdir(mode=0o700, exist_ok=True)
    told = place.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid() or told.st_mode & 0o077:
        raise UserError(
            f"This folder must belong only to you. Received: {place}. Remove it, or choose another RAY_TMPDIR."
        )
    return place / name


def start_worker(module: str, place: Path, threads: int) -> subprocess.Popen:
    """Starts the fork server of a node; the server ends when its stdin is closed."""
    environment = dict(os.environ)
    launch.switch_off(environment)
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # otherwise macOS kills forks that use its frameworks
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(launch.ROOT), environment.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "grid_search.fork_server", module, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C goes to the driver, which stops the runs
    )


def _send(connection: socket.socket, line: str) -> None:
    with suppress(OSError):  # the other process has ended; the caller notices this when it reads the reply
        connection.sendall(f"{line}\n".encode())


def _temporary_folder() -> Path:
    """Removes the folders of killed slots, and then makes a new folder."""
    for old in Path(tempfile.gettempdir()).glob("grid-slot-*-*"):
        try:
            os.kill(int(old.name.split("-")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(old, ignore_errors=True)
        except PermissionError:  # the folder belongs to another user's active slot
            continue
    return Path(tempfile.mkdtemp(prefix=f"grid-slot-{os.getpid()}-"))
