"""Sets threads, GPU memory and seeds, before TensorFlow computes anything."""

import sys
from contextlib import suppress

import keras
import tensorflow as tf

from common.cli.quiet import quiet_stderr
from common.errors import UserError
from common.training.gpu_check import why_no_gpu


def find_gpus() -> list:
    """Returns the GPUs that TensorFlow sees, and hides the log lines of its first search."""
    with quiet_stderr():
        return tf.config.list_physical_devices("GPU")


def prepare(seed: int, threads: int = 1, require_gpu: bool = False) -> None:
    """Sets all seeds and configures the devices.

    The same seed gives the same results on the same machine: a single CPU thread adds numbers in a fixed order,
    and a GPU uses deterministic kernels. If a GPU exists but cannot be used, one line says why.

    Raises:
        UserError: `require_gpu` is set but no GPU can be used, or the GPU fails to compute.
    """
    gpus = find_gpus()
    if why := why_no_gpu(bool(gpus), require_gpu):
        print(f"note: training on the CPU: {why}", file=sys.stderr)
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        gpus = []
    if threads:
        with suppress(RuntimeError):  # TensorFlow was already used in this process (tests, several runs in one worker)
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    for card in gpus:
        tf.config.experimental.set_memory_growth(card, True)  # otherwise the first run takes all of the GPU's memory
    if gpus:
        tf.config.experimental.enable_op_determinism()
        # TensorFloat-32 has 10 bits of mantissa: outputs would differ by 0.002 from those on a CPU like the robot's.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        if fault := computing_fails():
            raise UserError(f"{fault}. To train on the CPU instead, set CUDA_VISIBLE_DEVICES=-1.")
    keras.utils.set_random_seed(seed)


def computing_fails(device: str = "GPU:0") -> str | None:
    """Computes a small convolution on the device; returns why that fails, or None if it works.

    Only a real computation shows that the GPU's memory is full, or that a library does not match the driver.
    """
    try:
        with tf.device(device):
            landed = tf.nn.conv2d(tf.ones((1, 4, 4, 1)), tf.ones((3, 3, 1, 1)), 1, "SAME").device
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        return f"{device} cannot be used: {str(error).splitlines()[0][:200]}"
    return None if landed.endswith(device) else f"{device} cannot be used: TensorFlow used {landed} instead"
