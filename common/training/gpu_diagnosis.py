"""Why a GPU is not used, in one line: NVIDIA's driver itself is asked, because TensorFlow's long log says little."""

import ctypes
import os
from dataclasses import dataclass
from importlib import metadata

import tensorflow as tf

# The oldest Linux driver that runs programs of a CUDA major version: NVIDIA, CUDA Compatibility, minor version
# compatibility, table 1.
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
CUDA_LIBRARIES = "nvidia-cudnn-cu12"  # of the gpu extra: TensorFlow finds them there, and nowhere else in our images
_HIDDEN = ("", "-1", "none", "NoDevFiles")
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h


@dataclass(frozen=True)
class Driver:
    """What NVIDIA's driver tells.

    cuda: the newest CUDA that it runs, (major, minor). fault: why it does not start, "" if it starts.
    devices: name and compute capability (major, minor) of every GPU that it shows.
    """

    cuda: tuple[int, int]
    fault: str = ""
    devices: tuple[tuple[str, tuple[int, int]], ...] = ()


@dataclass(frozen=True)
class Needs:
    """What TensorFlow was built for and what lies beside it.

    version: TensorFlow's. cuda: (major, minor). capability: the least compute capability. libraries: CUDA's are there.
    """

    version: str
    cuda: tuple[int, int]
    capability: tuple[int, int]
    libraries: bool


def ask_driver(library: str = "libcuda.so.1") -> Driver | None:
    """Asks the driver of this machine; None if there is none (in a container: if none was passed in)."""
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


def needs() -> Needs:
    """Asks TensorFlow what it was built for. Imports TensorFlow."""
    build = tf.sysconfig.get_build_info()
    least = min((int(name.split("_")[1]) for name in build.get("cuda_compute_capabilities", ())), default=0)
    major, minor = (*build.get("cuda_version", "0.0").split("."), "0")[:2]
    return Needs(tf.__version__, (int(major), int(minor)), divmod(least, 10), _installed(CUDA_LIBRARIES))


def trouble(driver: Driver | None, wanted: Needs, seen: int) -> str | None:
    """Why there is no GPU to train on, with the remedy; None if all is well, or no GPU is to be expected.

    Args:
        driver: see `ask_driver`. wanted: see `needs`. seen: how many GPUs TensorFlow lists.
    """
    if driver is None:
        if seen or not wanted.libraries:
            return None
        return (
            "no NVIDIA driver is visible. Start a container with --gpus all, on a machine with NVIDIA's container "
            "toolkit; outside of one nvidia-smi has to work."
        )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in _HIDDEN:
        return None  # somebody wants it so: a grid that keeps its CPU workers off the card
    if driver.cuda < (wanted.cuda[0], 0):
        return (
            f"the NVIDIA driver is too old: it runs CUDA {_dotted(driver.cuda)}, TensorFlow {wanted.version} needs "
            f"{wanted.cuda[0]}.x. Install driver {OLDEST_DRIVER.get(wanted.cuda[0], 'of that CUDA')} or newer on the "
            "machine; a container cannot bring its own."
        )
    if driver.fault or not driver.devices:
        shown = f" (CUDA_VISIBLE_DEVICES is {hidden!r})" if hidden else ""
        return f"the NVIDIA driver gives no GPU: {driver.fault or 'it shows none'}{shown}. nvidia-smi says more."
    if not wanted.libraries and not seen:
        return (
            f"{driver.devices[0][0]} is there, CUDA's libraries are not. Use the image that was built with "
            "ACCELERATOR=gpu, or install requirements-gpu.lock."
        )
    if all(capability < wanted.capability for _, capability in driver.devices):
        name, capability = driver.devices[0]
        return (
            f"{name} is too old: its compute capability is {_dotted(capability)}, TensorFlow {wanted.version} needs "
            f"{_dotted(wanted.capability)}. Use a newer GPU."
        )
    if seen:
        return None
    return (
        f"TensorFlow {wanted.version} does not use {driver.devices[0][0]}. "
        "python -c 'import tensorflow as tf; tf.config.list_physical_devices()' says why."
    )


def computing_fails(device: str = "GPU:0") -> str | None:
    """Why the device does not compute, by trying a small convolution; None if it does.

    A card whose memory is taken, or a library that does not match the driver, shows only here.
    """
    try:
        with tf.device(device):
            landed = tf.nn.conv2d(tf.ones((1, 4, 4, 1)), tf.ones((3, 3, 1, 1)), 1, "SAME").device
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        return f"{device} does not compute: {str(error).splitlines()[0][:200]}"
    return None if landed.endswith(device) else f"{device} does not compute: TensorFlow went to {landed}"


def _installed(distribution: str) -> bool:
    try:
        return bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


def _name_of(cuda: ctypes.CDLL, status: int) -> str:
    text = ctypes.c_char_p()
    known = cuda.cuGetErrorName(status, ctypes.byref(text)) == 0 and text.value
    return f"{text.value.decode()} ({status})" if known else f"error {status}"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
