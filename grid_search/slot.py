"""A slot: a place for runs on a node of a Ray cluster, with a kept process that has imported everything."""

import hashlib
import importlib
import io
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

from common.cli import launch
from common.cli.option import from_json
from common.errors import UserError
from grid_search import cluster
from grid_search.capacity import Needs
from grid_search.run_folders import Change, apply, changes

START_SECONDS = 60.0  # time limit until a worker listens, even on a very busy machine
CONNECTIONS = 3  # tries, if workers die before they answer


@dataclass(frozen=True)
class Job:
    """One run for a slot.

    options: as `TrainingOptions.as_json`, for the driver's node. defaults: those that another node replaces according
    to its own environment. log: path on the driver's node. environment: for the run's process. files: of the run to
    resume, for other nodes.
    """

    options: dict
    defaults: tuple[str, ...]
    log: str
    environment: dict[str, str]
    files: tuple[Change, ...] = ()


class Slot:
    """Runs in its own Ray actor with several threads: one trains, the others observe and stop it.

    On the driver's node, runs write into the driver's folders. On other nodes, they write into a temporary folder, and
    the driver fetches the changes.
    """

    def __init__(self, module: str, driver_node: str, worker: str, threads: int):
        context = ray.get_runtime_context()
        self.node = context.get_node_id()
        self.far = self.node != driver_node
        self.gpus = [str(gpu) for gpu in ray.get_gpu_ids()]
        self._module, self._threads = module, threads
        self._worker = meeting_place(f"{Path(worker).name} {self.node}") if self.far else Path(worker)
        self._root = _temporary_folder() if self.far else None
        self._folder: Path | None = None
        self._seen: dict = {}
        self._looking = threading.Lock()
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def about(self) -> dict:
        """Describes this slot: node, host, and whether it is another node than the driver's. Returns when it is ready.

        Raises:
            RuntimeError: the process cannot start; the message says why.
        """
        line, tries = "", 0
        while not line and tries < CONNECTIONS:  # without an answer, the worker died; the next try starts another
            tries += 1
            self._connect()
            line = self._answers.readline().strip()
        state, _, pid = line.partition(" ")
        if state != "ready":
            raise RuntimeError(f"{line or 'it was killed'} (on {socket.gethostname()})")
        self._pid = int(pid)
        return {"node": self.node, "host": socket.gethostname(), "far": self.far}

    def check_data(self, options: dict, defaults: tuple[str, ...]) -> dict[str, str]:
        """Downloads the data of a run to this node, and returns the digest of each split."""
        module = importlib.import_module(self._module)
        splits = module.load_data(from_json(module.Options, self._here(options, defaults)))
        return {split: part.digest for split, part in splits.parts.items()}

    def train(self, job: Job) -> tuple[int, list[Change]]:
        """Trains to the end. Returns the exit status (negative: the signal that killed it) and the last changes.

        Raises:
            RuntimeError: the kept process was killed.
        """
        options, log = self._here(job.options, job.defaults), job.log
        if self.far:
            options, log = self._unpack(job, options), str(self._root / "log")
            Path(log).unlink(missing_ok=True)
        line = json.dumps({"options": options, "log": log, "environment": job.environment})
        try:
            self._say(line)
            answer = self._answers.readline().strip()
        except BrokenPipeError:
            answer = ""
        if not answer:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)  # otherwise the run would live a moment longer
            raise RuntimeError("the process that it was forked from was killed")
        return int(answer), self.look()

    def look(self) -> list[Change]:
        """The changes since the last call; nothing on the driver's node, which sees the folder itself."""
        if not self.far or self._root is None:
            return []
        with self._looking:
            found = [("log", 0, (self._root / "log").read_bytes())] if (self._root / "log").exists() else []
            folders = [self._folder] if self._folder else sorted((self._root / "runs").glob("*/config.json"))[-1:]
            if folders:
                self._folder = folders[0].parent if folders[0].name == "config.json" else folders[0]
                found += [
                    (f"{self._folder.name}/{name}", at, what) for name, at, what in changes(self._folder, self._seen)
                ]
            return found

    def stop(self) -> None:
        """Asks the run to end; the best model so far is saved and evaluated."""
        self._say("stop")

    def _here(self, options: dict, defaults: tuple[str, ...]) -> dict:
        return {name: value for name, value in options.items() if not (self.far and name in defaults)}

    def _unpack(self, job: Job, options: dict) -> dict:
        """Prepares a folder for a run on this node, with the driver's files of the run to resume."""
        shutil.rmtree(self._root, ignore_errors=True)
        runs = self._root / "runs"
        runs.mkdir(parents=True)
        self._folder, self._seen = None, {}
        options = options | {"output_dir": str(runs)}
        if job.options["resume"]:
            self._folder = runs / Path(job.options["resume"]).name
            apply(self._folder, job.files)
            changes(self._folder, self._seen)
            options["resume"] = str(self._folder)
        return options

    def _connect(self) -> None:
        """Gets a kept process from the worker of this node; starts the worker if there is none."""
        self._answers = io.StringIO("the worker from which runs are forked does not start")
        started, deadline = None, time.monotonic() + START_SECONDS
        environment = json.dumps({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus) or "-1"}).encode()
        while time.monotonic() < deadline:
            (theirs, ours), (answers, their_answers) = os.pipe(), os.pipe()
            jobs, answers = os.fdopen(ours, "w"), os.fdopen(answers)
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(self._worker))
                    socket.send_fds(connection, [environment], [theirs, their_answers])
                self._jobs, self._answers = jobs, answers
                return
            except (ConnectionError, FileNotFoundError):  # a worker listens before its imports, so there is none
                jobs.close()
                answers.close()
                if started is None or started.poll() is not None:
                    started = self._started = start_worker(self._module, self._worker, self._threads)
                time.sleep(0.1)
            finally:
                os.close(theirs)
                os.close(their_answers)

    def _say(self, line: str) -> None:
        self._jobs.write(line + "\n")
        self._jobs.flush()


def start_slot(module: str, driver_node: str, worker: str, need: Needs):
    """Starts a slot on a node with enough room; returns Ray's handle."""
    remote = ray.remote(Slot).options(
        num_cpus=need.threads,
        num_gpus=need.gpus,
        memory=need.memory,
        max_concurrency=4,  # it answers requests while it trains
        scheduling_strategy="SPREAD",
    )
    return remote.remote(module, driver_node, worker, need.threads)


def meeting_place(worker: str) -> Path:
    """The socket of a worker: a file in a folder that no other user can enter, which works on every Unix.

    Raises:
        UserError: somebody else made that folder.
    """
    name = hashlib.sha256(worker.encode()).hexdigest()[:16]
    folder = f"grid-{os.getuid()}"
    place = cluster.short_folder(len(f"{folder}/{name}")) / folder
    place.mkdir(mode=0o700, exist_ok=True)
    told = place.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid() or told.st_mode & 0o077:
        raise UserError(
            f"This folder must belong only to you. Received: {place}. Remove it, or choose another RAY_TMPDIR."
        )
    return place / name


def start_worker(module: str, place: Path, threads: int) -> subprocess.Popen:
    """Starts the process from which the slots' kept processes are forked; it ends when its stdin is closed."""
    environment = dict(os.environ)
    launch.switch_off(environment)
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # otherwise macOS ends forks that use its frameworks
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(launch.ROOT), environment.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "grid_search.fork_server", module, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C goes to the driver, which stops the runs
    )


def _temporary_folder() -> Path:
    """A new folder; first removes the folders of killed slots."""
    for old in Path(tempfile.gettempdir()).glob("grid-slot-*-*"):
        try:
            os.kill(int(old.name.split("-")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(old, ignore_errors=True)
        except PermissionError:  # belongs to another user's active slot
            continue
    return Path(tempfile.mkdtemp(prefix=f"grid-slot-{os.getpid()}-"))


def _end_with(parent: int) -> None:
    """Ends this process when its raylet is gone; Ray itself does this only while the cluster exists."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
