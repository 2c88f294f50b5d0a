"""Records where a result comes from: commit, machine, user, versions, device. No function here raises an error."""

import contextlib
import getpass
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_CPU_FACTS = Path("/proc/cpuinfo")
CODE = (".py", ".sh", ".toml", ".lock")
_PACKAGES = ("tensorflow", "keras", "numpy", "h5py", "mlflow")


def provenance(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Describes the code and the machine as strings for MLflow tags.

    Returns the entries commit, dirty ("true", "false", "unknown"), host, user, device, python and `version.PACKAGE`;
    missing packages are left out.
    """
    commit, dirty = commit_and_dirty()
    if _is_outside(Path(getattr(sys.modules["__main__"], "__file__", None) or _ROOT)):
        dirty = "true"  # a project outside the repository does not belong to a commit
    facts = {"commit": commit, "dirty": dirty, "host": platform.node() or "unknown", "user": user(), "device": device()}
    facts["python"] = platform.python_version()
    for package in packages:
        with contextlib.suppress(Exception):
            facts[f"version.{package}"] = metadata.version(package)
    return facts


def commit_and_dirty(folder: Path = _ROOT) -> tuple[str, str]:
    """Returns the commit of the code, and whether the code has changes or untracked files since that commit.

    A container image has no .git; its build sets BALL_COMMIT to the commit, with `-dirty` at the end like `git
    describe`. The second result is "true" or "false". Either result can be "unknown".
    """
    commit = _git(folder, "rev-parse", "HEAD")
    # If the code is installed inside an unrelated repository, the commit of that repository does not count.
    top = _git(folder, "rev-parse", "--show-toplevel")
    if commit and top and Path(top).resolve() == folder.resolve():
        changes = _git(folder, "status", "--porcelain", "--untracked-files=all")
        if changes is None:
            return commit, "unknown"
        code = [line for line in changes.splitlines() if not line.startswith("??") or line.rstrip('"').endswith(CODE)]
        return commit, str(bool(code)).lower()
    commit = os.environ.get("BALL_COMMIT") or "unknown"
    return commit.removesuffix("-dirty"), "true" if commit.endswith("-dirty") else "unknown"


def _is_outside(script: Path) -> bool:
    places = (_ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    return not any(script.resolve().is_relative_to(place) for place in places)


def user() -> str:
    """Returns the user's name, or "uid 1234" if the user has none, as in a container."""
    try:
        return getpass.getuser()
    except Exception:  # KeyError before Python 3.13, OSError since then, ImportError on Windows
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def device() -> str:
    """Returns the processor in use: the GPUs that TensorFlow sees, if it is already loaded, otherwise the CPU."""
    tensorflow = sys.modules.get("tensorflow")
    with contextlib.suppress(Exception):
        gpus = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
        names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        if names:
            return ", ".join(names)
    return f"{cpu()}, {os.cpu_count()} cores"


def cpu() -> str:
    """Returns the name of the CPU."""
    with contextlib.suppress(OSError, TypeError):  # TypeError: on ARM, the file has no such line
        facts = _CPU_FACTS.read_text(encoding="utf-8", errors="replace")
        return re.search(r"^model name\s*: (.+)", facts, re.MULTILINE)[1].strip()
    return platform.processor() or platform.machine() or "unknown CPU"


def _git(folder: Path, *arguments: str) -> str | None:
    """Returns the output of a git command; None if it fails or hangs, or if git is missing."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
