"""Asks NVIDIA's driver about the GPUs of this machine; does not import TensorFlow."""

import ctypes
import os
from dataclasses import dataclass

from common.errors import UserError

_HIDDEN = ("", "-1", "none", "NoDevFiles")
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h


@dataclass(frozen=True)
class Driver:
    """What NVIDIA's driver reports.

    cuda: the newest CUDA version that it supports, (major, minor). fault: why it does not start, or "".
    devices: name and compute capability (major, minor) of every GPU that it shows.
    """

    cuda: tuple[int, int]
    fault: str = ""
    devices: tuple[tuple[str, tuple[int, int]], ...] = ()


def ask_driver(library: str = "libcuda.so.1") -> Driver | None:
    """Asks the driver of this machine; None if there is none (or if the container got none)."""
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return None
    number, number2 = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(number))
    version = (number.value // 1000, number.value % 1000 // 10)
    if status := cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(number)):
        return Driver(version, _name_of(cuda, status))
    devices = []
    for index in range(number.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
        cuda.cuDeviceGet(ctypes.byref(device), index)
        cuda.cuDeviceGetName(name, len(name), device)
        cuda.cuDeviceGetAttribute(ctypes.byref(number), _MAJOR, device)
        cuda.cuDeviceGetAttribute(ctypes.byref(number2), _MINOR, device)
        devices.append((name.value.decode(errors="replace"), (number.value, number2.value)))
    return Driver(version, devices=tuple(devices))


def hidden() -> bool:
    """Whether CUDA_VISIBLE_DEVICES hides all GPUs on purpose, as for the CPU workers of a grid."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") in _HIDDEN


def no_gpu(driver: Driver | None) -> str | None:
    """Why the driver shows no GPU, and what to do; None if it shows one. `driver`: see `ask_driver`."""
    if driver is None:
        return (
            "no NVIDIA driver is visible. Start a container with --gpus all, on a machine with NVIDIA's container "
            "toolkit; without a container, nvidia-smi has to work."
        )
    if driver.fault or not driver.devices:
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = f" (CUDA_VISIBLE_DEVICES is {chosen!r})" if chosen is not None else ""
        return f"the NVIDIA driver gives no GPU: {driver.fault or 'it shows none'}{shown}. nvidia-smi says more."
    return None


def require_gpu() -> None:
    """Refuses a machine whose driver shows no GPU; `devices_and_seeds.prepare` checks whether TensorFlow can use it.

    Raises:
        UserError: there is none.
    """
    if why := no_gpu(ask_driver()):
        raise UserError(f"--require-gpu, but {why}")


def _name_of(cuda: ctypes.CDLL, status: int) -> str:
    text = ctypes.c_char_p()
    known = cuda.cuGetErrorName(status, ctypes.byref(text)) == 0 and text.value
    return f"{text.value.decode()} ({status})" if known else f"error {status}"
