"""The Ray cluster of a grid: a private one on this machine, or one that is named; and how many runs fit on it."""

import hashlib
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ray
import ray._private.worker

import psutil  # isort: skip - Ray brings it, and finds it only once it is imported itself

from common.errors import UserError
from grid_search.ray_environment import LOCAL

OBJECT_STORE_BYTES = 80_000_000  # results travel through it, a few hundred kilobytes each
STARTS = 5  # tries to start Ray, which gives its own helpers 15 s: a machine full of runs may need more
SOCKET_PATH = 103  # bytes that a Unix socket's path may have on macOS; Linux takes 107
RAY_NEEDS = len("/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")
BASE_MEMORY = 700_000_000  # of a run beside its data: what it does not share with the process it is forked from
DATA_FACTOR = 4  # copies of the patches on the way to the device and through evaluation
GPUS_PER_TRAINING = 0.25  # these networks leave a GPU idle most of the time


@dataclass(frozen=True)
class Needs:
    """What Ray reserves for one run: cores, GPUs (a fraction: shared), bytes of memory."""

    threads: int
    gpus: float
    memory: int

    def fit(self, resources: dict[str, float]) -> int:
        """How many fit into the resources of a node, as Ray names them."""
        counts = [resources.get("CPU", 0) // self.threads, resources.get("memory", 0) // self.memory]
        if self.gpus >= 1:
            counts.append(resources.get("GPU", 0) // self.gpus)
        elif self.gpus:  # no run is spread over two cards
            counts.append(int(resources.get("GPU", 0)) * int(1 / self.gpus + 1e-9))
        return max(0, int(min(counts)))


def connect(address: str, grid: Path) -> None:
    """Joins the cluster at `address`, or starts one for this process alone, on loopback.

    Args:
        address: of `ray_environment.head_node`; `ray_environment.prepare` comes before Ray is imported.
        grid: its folder, for which the folder of a private cluster's sockets and logs is named; that is emptied.

    Raises:
        UserError: no cluster answers there, or there is no folder with a short enough path.
    """
    ray._private.worker.print_to_stdstream = _say_nothing  # pages about a node that died, however log_to_driver is set
    settings = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        settings |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    for left in range(STARTS, 0, -1):
        if address == LOCAL:
            settings["_temp_dir"] = str(_folder(grid))
        try:
            ray.init(address, **settings)
            return
        except Exception as error:  # Ray raises many kinds, plain Exception among them
            ray.shutdown()
            if left > 1 and "timed out during startup" in str(error):
                print("Ray did not start in its time, this machine is busy; once more", flush=True)
                continue
            words = str(error).strip().splitlines()[0][:200]
            raise UserError(f"Ray cannot be used: {words} Received: {address}.") from None


def _say_nothing(*_, **__) -> None:
    pass


def nodes() -> dict[str, dict]:
    """The nodes that live now: id -> Ray's description (NodeManagerHostname, NodeManagerAddress, Resources)."""
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}


def needs(threads: int, gpus: float | None, memory_gb: float | None, data_bytes: int) -> Needs:
    """What a run needs; a quarter of a GPU where the cluster has one and nothing else was said."""
    if gpus is None:
        gpus = GPUS_PER_TRAINING if any(node["Resources"].get("GPU") for node in nodes().values()) else 0.0
    memory = memory_gb * 1e9 if memory_gb else BASE_MEMORY + DATA_FACTOR * data_bytes
    return Needs(threads, gpus, int(memory))


def words(per_node: dict[str, int], need: Needs) -> str:
    """How many runs at once, and where."""
    threads = f"{need.threads} thread{'s' * (need.threads > 1)}"
    each = f"each {threads}, {need.memory / 1e9:.1f} GB" + (f", {need.gpus:g} GPU" if need.gpus else ", no GPU")
    known = nodes()
    places = [
        f"{count} on {known[node]['NodeManagerHostname']} ({known[node]['NodeManagerAddress']}, "
        f"{known[node]['Resources'].get('CPU', 0):g} cores, {known[node]['Resources'].get('GPU', 0):g} GPUs, "
        f"{known[node]['Resources'].get('memory', 0) / 1e9:.1f} GB)"
        for node, count in per_node.items()
    ]
    return f"{', '.join(places)}; {each}"


def clean_up(grid: Path) -> None:
    """Removes the folder of a private cluster that has ended."""
    shutil.rmtree(_path(grid), ignore_errors=True)


def _folder(grid: Path) -> Path:
    path = _path(grid)
    _end_leftovers(path)
    shutil.rmtree(path, ignore_errors=True)
    return path


def _end_leftovers(folder: Path) -> None:
    """Kills what a start that failed left: processes of Ray whose command line names this folder, which is ours."""
    with suppress(psutil.Error, OSError):
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if f"{folder}/session_" in " ".join(process.cmdline()):
                    process.kill()


def _path(grid: Path) -> Path:
    """Named for the grid's whole path: the same command for another output folder is another grid."""
    name = f"grid-{hashlib.sha256(os.fsencode(grid.resolve())).hexdigest()[:8]}"
    return short_folder(len(name) + 1 + RAY_NEEDS, otherwise=grid.parent) / name


def short_folder(room: int, otherwise: Path | None = None) -> Path:
    """A folder whose path leaves `room` bytes for that of a Unix socket below it.

    RAY_TMPDIR where it is set; else the system's temporary folder, which macOS gives a long name, /tmp, or `otherwise`.

    Raises:
        UserError: all of them are too long.
    """
    bases = [os.environ.get("RAY_TMPDIR")]
    if not bases[0]:
        with suppress(FileNotFoundError):
            bases.append(tempfile.gettempdir())
        bases += ["/tmp", otherwise]  # noqa: S108 - the files in it have names of their own
    bases = [Path(base).absolute() for base in bases if base]
    for base in bases:
        if len(os.fsencode(base)) + 1 + room <= SOCKET_PATH and (base == otherwise or os.access(base, os.W_OK)):
            return base
    raise UserError(
        f"Unix sockets need a folder with a path of at most {SOCKET_PATH - room - 1} characters. "
        f"Received: {bases[-1]}. Choose a shorter one: RAY_TMPDIR=/some/folder."
    )
