"""Threads, GPU memory and seeds: what has to be set before TensorFlow computes anything."""

import sys

import keras
import tensorflow as tf

from common.cli.quiet import quiet_stderr
from common.errors import UserError
from common.training import gpu_diagnosis, gpu_driver


def find_gpus() -> list:
    """The GPUs that TensorFlow sees, without the log lines of its first look."""
    with quiet_stderr():
        return tf.config.list_physical_devices("GPU")


def prepare(seed: int, threads: int = 1, require_gpu: bool = False) -> None:
    """Seeds everything and sets the devices up.

    The same seed gives the same numbers on the same machine: one CPU thread adds in one order, and on a GPU the
    deterministic kernels are chosen.

    One line says why a GPU that is there cannot be used.

    Raises:
        UserError: `require_gpu`, and there is none to use; or there is one that does not compute.
    """
    gpus = usable_gpus(require_gpu)
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # already computing in this process (tests, several runs in one worker)
            pass
    for card in gpus:
        tf.config.experimental.set_memory_growth(card, True)  # or the first training takes the whole card
    if gpus:
        tf.config.experimental.enable_op_determinism()
        # 10 bits of mantissa: answers would differ by 0.002 from those of a CPU, the robot's included.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        if fault := gpu_diagnosis.computing_fails():
            raise UserError(f"{fault}. To train on the CPU all the same, set CUDA_VISIBLE_DEVICES=-1.")
    keras.utils.set_random_seed(seed)


def usable_gpus(require: bool) -> list:
    """The GPUs to train on, TensorFlow's list. If they cannot be used, a line says why, and the CPU is used.

    Raises:
        UserError: `require`, and there is none.
    """
    gpus = find_gpus()
    driver = gpu_driver.ask_driver()
    why = gpu_diagnosis.trouble(driver, gpu_diagnosis.needs(), len(gpus))
    if require and (why or not gpus):
        raise UserError(f"--require-gpu, but {why or gpu_driver.no_gpu(driver) or 'TensorFlow sees none.'}")
    if why:
        print(f"note: training on the CPU: {why}", file=sys.stderr)
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        return []
    return gpus
