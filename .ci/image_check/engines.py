"""Runs container engines: they build an image, report its size, and start and stop containers."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 120  # time limit for a run to save and evaluate its model


@dataclass(frozen=True)
class Terms:
    """Describes how a container is started.

    user: UID:GID, or None for the user that the image sets. network: whether the container has this machine's network
    or only loopback. read_only: whether the root file system is read-only; then only `volume`, mounted on /data, is
    writable.
    """

    user: str | None = None
    network: bool = False
    read_only: bool = False
    volume: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    gpus: bool = False


class Docker:
    """The engines docker and podman, which take the same arguments."""

    def __init__(self, program: str):
        self.program = program
        self._started = 0

    def build(self, dockerfile: Path, image: str, arguments: dict[str, str], extra: list[str]) -> None:
        """Builds an image from the root of the repository. Raises CalledProcessError."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        command = [self.program, "build", *given, *extra, "--file", str(dockerfile), "--tag", image, "."]
        subprocess.run(command, check=True, env=os.environ | {"DOCKER_BUILDKIT": "1"})

    def size(self, image: str) -> int:
        """Returns the size of the unpacked image in bytes."""
        command = [self.program, "image", "inspect", "--format", "{{.Size}}", image]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def start(self, image: str, arguments: list[str], terms: Terms, entrypoint: str | None = None):
        """Starts a container; returns the process, whose output is the container's output."""
        self._started += 1
        name = f"image-check-{os.getpid()}-{self._started}"
        command = [self.program, "run", "--rm", "--name", name, "--network", "host" if terms.network else "none"]
        command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        command += ["--read-only"] * terms.read_only + (["--gpus", "all"] if terms.gpus else [])
        command += ["--user", terms.user] if terms.user else []
        command += ["--volume", f"{terms.volume}:/data"] if terms.volume else []
        command += [word for item in terms.environment.items() for word in ("--env", "=".join(item))]
        command += ["--entrypoint", entrypoint] if entrypoint else []
        process = _popen([*command, image, *arguments])
        process.container = name
        return process

    def stop(self, process) -> None:
        """Sends SIGTERM to a container's first process, as `docker stop` does."""
        subprocess.run([self.program, "stop", "--time", str(STOP_SECONDS), process.container], check=False)

    def close(self) -> None:
        """Does nothing: containers are removed when their process ends."""


class Buildah:
    """The engine buildah, which must run as root.

    This class creates the namespaces itself, because buildah cannot make the root read-only.
    """

    # All mounts are in a separate mount namespace and disappear with it. /dev/shm has the same size as in docker.
    RUN = """
        root=$1 data=$2 user=$3 directory=$4 read_only=$5; shift 5
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"; mount -t tmpfs -o size=64m,mode=1777 shm "$root/dev/shm"
        mount --rbind /sys "$root/sys"
        if [ -n "$data" ]; then mount --bind "$data" "$root/data"; fi
        if [ -n "$read_only" ]; then mount -o remount,bind,ro "$root"; fi
        ip link set lo up
        cd "$root"
        exec chroot --userspec="$user" --groups= "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
    """

    def __init__(self):
        if os.geteuid() != 0:
            raise OSError("buildah must run as root here, to enter the container's file system. Use sudo, or docker.")
        self._containers: dict[str, str] = {}

    def build(self, dockerfile: Path, image: str, arguments: dict[str, str], extra: list[str]) -> None:
        """Builds an image from the root of the repository. Raises CalledProcessError."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        command = ["buildah", "bud", "--layers", *given, *extra, "--file", str(dockerfile), "--tag", image, "."]
        subprocess.run(command, check=True)

    def size(self, image: str) -> int:
        """Returns the size of the unpacked image in bytes."""
        number, unit = json.loads(_buildah("images", "--json", image))[0]["size"].split()
        return int(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])

    def start(self, image: str, arguments: list[str], terms: Terms, entrypoint: str | None = None):
        """Starts a container's command as process 1 in its own namespaces; returns the process with its output."""
        if image not in self._containers:
            self._containers[image] = _buildah("from", "--pull-never", image)
        root = _buildah("mount", self._containers[image])
        config = json.loads(_buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
        environment = dict(item.split("=", 1) for item in config["Env"]) | terms.environment
        command = [entrypoint] if entrypoint else config.get("Entrypoint", [])
        user = terms.user or config["User"]
        namespaces = ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child"] + ["--net"] * (
            not terms.network
        )
        where = [root, str(terms.volume or ""), user, config["WorkingDir"], "yes" * terms.read_only]
        return _popen([*namespaces, "/bin/sh", "-euc", self.RUN, "sh", *where, *command, *arguments], environment)

    def stop(self, process) -> None:
        """Sends SIGTERM to the container's first process, as `docker stop` does."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)

    def close(self) -> None:
        """Removes the containers, but keeps the images."""
        for container in self._containers.values():
            _buildah("rm", container)


def find_engine(name: str | None = None) -> Docker | Buildah:
    """Finds the engine with this name, or the first engine that works.

    Raises:
        OSError: no engine was found.
    """
    there = [program for program in ("docker", "podman", "buildah") if _answers(program)]
    if not there or (name and name not in there):
        raise OSError(f"needs docker, podman or buildah. Received: {name or 'none of them'}.")
    chosen = name or there[0]
    return Buildah() if chosen == "buildah" else Docker(chosen)


def _answers(program: str) -> bool:
    """Returns whether a program is installed and works (docker's client, for example, needs its daemon)."""
    return bool(shutil.which(program)) and not subprocess.run([program, "info"], capture_output=True).returncode


def _buildah(*arguments: str) -> str:
    return subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def _popen(command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
