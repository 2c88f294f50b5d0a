"""Says in one line why no GPU is used; with --require-gpu, the run then ends.

The code here asks NVIDIA's driver, because TensorFlow's long log says little. It does not import TensorFlow, so that a
run can check its GPU before it loads its data.
"""

import ctypes
import os
import runpy
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from common.errors import UserError

# CUDA major version -> the oldest Linux driver that runs its programs (NVIDIA, "CUDA Compatibility", section "Minor
# Version Compatibility", table 1).
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
CUDA_LIBRARIES = "nvidia-cudnn-cu12"  # from the `gpu` extra, the only source of CUDA's libraries in our images
NO_DRIVER = (
    "no NVIDIA driver is visible. Start a container with --gpus all, on a machine with NVIDIA's container toolkit; "
    "without a container, nvidia-smi has to work."
)
_HIDDEN = ("", "-1", "none", "NoDevFiles")
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h


@dataclass(frozen=True)
class Driver:
    """What NVIDIA's driver reports; versions are (major, minor)."""

    cuda: tuple[int, int]  # the newest CUDA version that the driver supports
    fault: str = ""  # why the driver does not start
    devices: tuple[tuple[str, tuple[int, int]], ...] = ()  # name and compute capability of every GPU


@dataclass(frozen=True)
class Needs:
    """What TensorFlow was built for; the CUDA version and the compute capability are (major, minor)."""

    version: str  # TensorFlow's version
    cuda: tuple[int, int]
    capability: tuple[int, int]  # the lowest compute capability
    libraries: bool  # whether CUDA's libraries are installed


def ask_driver(library: str = "libcuda.so.1") -> Driver | None:
    """Asks the driver of this machine; returns None if the machine, or the container, has none."""
    cuda = _load(library)
    if cuda is None:
        return None

    def ask(function: str, *arguments: int) -> int:
        answer = ctypes.c_int()
        getattr(cuda, function)(ctypes.byref(answer), *arguments)
        return answer.value

    major, rest = divmod(ask("cuDriverGetVersion"), 1000)
    version = (major, rest // 10)
    if status := cuda.cuInit(0):
        text = ctypes.c_char_p()
        known = cuda.cuGetErrorName(status, ctypes.byref(text)) == 0 and text.value
        return Driver(version, f"{text.value.decode()} ({status})" if known else f"error {status}")
    devices, name = [], ctypes.create_string_buffer(256)
    for device in [ask("cuDeviceGet", index) for index in range(ask("cuDeviceGetCount"))]:
        cuda.cuDeviceGetName(name, len(name), device)
        capability = ask("cuDeviceGetAttribute", _MAJOR, device), ask("cuDeviceGetAttribute", _MINOR, device)
        devices.append((name.value.decode(errors="replace"), capability))
    return Driver(version, devices=tuple(devices))


def needs() -> Needs:
    """Returns what TensorFlow was built for, read from a file in its package."""
    file = Path(find_spec("tensorflow").origin).parent / "python" / "platform" / "build_info.py"
    build = runpy.run_path(str(file))["build_info"]
    least = min((int(name.split("_")[1]) for name in build.get("cuda_compute_capabilities", ())), default=0)
    major, minor = (*build.get("cuda_version", "0.0").split("."), "0")[:2]
    try:
        libraries = bool(metadata.version(CUDA_LIBRARIES))
    except metadata.PackageNotFoundError:  # the libraries may be installed system-wide
        libraries = _load(f"libcudnn.so.{build.get('cudnn_version')}") is not None
    return Needs(metadata.version("tensorflow"), (int(major), int(minor)), divmod(least, 10), libraries)


def why_no_gpu(seen: bool | None = None, required: bool = False) -> str | None:
    """Returns why this machine has no GPU to train on; None if it has a GPU, or if no GPU is expected (see `trouble`).

    Raises:
        UserError: a GPU is required, but there is none.
    """
    why = trouble(ask_driver(), needs(), seen, required)
    if why and required:
        raise UserError(f"--require-gpu, but {why}")
    return why


def trouble(driver: Driver | None, wanted: Needs, seen: bool | None, required: bool = False) -> str | None:
    """Returns why there is no GPU to train on, and what to do; None if there is a GPU, or if no GPU is expected.

    Args:
        driver, wanted: results of `ask_driver` and `needs`.
        seen: whether TensorFlow lists a GPU; None before it is imported.
        required: whether a GPU is always expected. Otherwise, no GPU is expected if the driver and CUDA's
            libraries are both missing, or if all GPUs are hidden on purpose, as for the CPU workers of a grid.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not required and (chosen in _HIDDEN or (driver is None and not wanted.libraries)):
        return None
    if driver is None:
        return None if seen else NO_DRIVER
    if driver.cuda < (wanted.cuda[0], 0):
        return (
            f"the NVIDIA driver is too old: it runs CUDA {_dotted(driver.cuda)}, but TensorFlow {wanted.version} needs "
            f"{wanted.cuda[0]}.x. Install driver {OLDEST_DRIVER.get(wanted.cuda[0], 'of that CUDA')} or newer on the "
            "machine; a container cannot include a driver."
        )
    if driver.fault or not driver.devices:
        shown = f" (CUDA_VISIBLE_DEVICES is {chosen!r})" if chosen is not None else ""
        return f"the NVIDIA driver finds no GPU: {driver.fault or 'it shows none'}{shown}. Run nvidia-smi for details."
    name, capability = driver.devices[0]
    if not wanted.libraries and not seen:
        return (
            f"{name} was found, but CUDA's libraries were not. Use the image that was built with ACCELERATOR=gpu, or "
            "install requirements-gpu.lock."
        )
    if all(capability < wanted.capability for _, capability in driver.devices):
        return (
            f"{name} is too old: its compute capability is {_dotted(capability)}; TensorFlow {wanted.version} needs "
            f"{_dotted(wanted.capability)}. Use a newer GPU."
        )
    say_why = "python -c 'import tensorflow as tf; tf.config.list_physical_devices()' says why."
    return f"TensorFlow {wanted.version} does not use {name}. {say_why}" if seen is False else None


def _load(library: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(library)
    except OSError:
        return None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
