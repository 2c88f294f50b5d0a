"""Says in one line why a GPU is not used. Asks NVIDIA's driver, because TensorFlow's long log says little."""

from dataclasses import dataclass
from importlib import metadata

import tensorflow as tf

from common.training import nvidia_driver
from common.training.nvidia_driver import Driver

# The oldest Linux driver that runs programs of a CUDA major version: NVIDIA, CUDA Compatibility, minor version
# compatibility, table 1.
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
CUDA_LIBRARIES = "nvidia-cudnn-cu12"  # from the gpu extra, the only place where TensorFlow finds them in our images


@dataclass(frozen=True)
class Needs:
    """What TensorFlow was built for, and whether CUDA's libraries are installed.

    version: TensorFlow's. cuda: (major, minor). capability: the lowest compute capability. libraries: CUDA's exist.
    """

    version: str
    cuda: tuple[int, int]
    capability: tuple[int, int]
    libraries: bool


def needs() -> Needs:
    """Asks TensorFlow what it was built for. Imports TensorFlow."""
    build = tf.sysconfig.get_build_info()
    least = min((int(name.split("_")[1]) for name in build.get("cuda_compute_capabilities", ())), default=0)
    major, minor = (*build.get("cuda_version", "0.0").split("."), "0")[:2]
    return Needs(tf.__version__, (int(major), int(minor)), divmod(least, 10), _installed(CUDA_LIBRARIES))


def trouble(driver: Driver | None, wanted: Needs, seen: int) -> str | None:
    """Why there is no GPU to train on, and what to do; None if all is well or no GPU is expected.

    Args:
        driver: see `nvidia_driver.ask_driver`. wanted: see `needs`. seen: how many GPUs TensorFlow lists.
    """
    if driver is None:
        if seen or not wanted.libraries:
            return None
        return nvidia_driver.no_gpu(None)
    if nvidia_driver.hidden():
        return None
    if driver.cuda < (wanted.cuda[0], 0):
        return (
            f"the NVIDIA driver is too old: it runs CUDA {_dotted(driver.cuda)}, but TensorFlow {wanted.version} needs "
            f"{wanted.cuda[0]}.x. Install driver {OLDEST_DRIVER.get(wanted.cuda[0], 'of that CUDA')} or newer on the "
            "machine; a container cannot contain a driver."
        )
    if why := nvidia_driver.no_gpu(driver):
        return why
    if not wanted.libraries and not seen:
        return (
            f"{driver.devices[0][0]} is there, but CUDA's libraries are not. Use the image that was built with "
            "ACCELERATOR=gpu, or install requirements-gpu.lock."
        )
    if all(capability < wanted.capability for _, capability in driver.devices):
        name, capability = driver.devices[0]
        return (
            f"{name} is too old: its compute capability is {_dotted(capability)}; TensorFlow {wanted.version} needs "
            f"{_dotted(wanted.capability)}. Use a newer GPU."
        )
    if seen:
        return None
    return (
        f"TensorFlow {wanted.version} does not use {driver.devices[0][0]}. "
        "python -c 'import tensorflow as tf; tf.config.list_physical_devices()' says why."
    )


def computing_fails(device: str = "GPU:0") -> str | None:
    """Tries a small convolution on the device; returns why it does not compute, or None if it does.

    Only this finds a GPU whose memory is full, or a library that does not match the driver.
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


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
