"""Threads, GPU memory and seeds: what has to be set before TensorFlow computes anything."""

import os
import sys
import tempfile
from contextlib import contextmanager

from common.errors import UserError
from common.training import gpu_diagnosis


def import_quietly() -> None:
    """Imports TensorFlow and looks for GPUs without the page of native log lines that no setting keeps away.

    What was held back is shown where the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")


@contextmanager
def quiet_stderr():
    """Holds back what native code writes to stderr, and shows it where the block ends with an error."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, _stderr_to(held.fileno()) as stderr:
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise


@contextmanager
def _stderr_to(target: int):
    """Sends file descriptor 2, which native code writes to, elsewhere; yields the real one."""
    real = os.dup(2)
    os.dup2(target, 2)
    try:
        yield real
    finally:
        os.dup2(real, 2)
        os.close(real)


def prepare(seed: int, threads: int = 1, require_gpu: bool = False) -> None:
    """Seeds everything and sets the devices up.

    The same seed gives the same numbers on the same machine: one CPU thread adds in one order, and on a GPU the
    deterministic kernels are chosen.

    A GPU that could be expected and cannot be used is said in one line.

    Raises:
        UserError: `require_gpu`, and there is none to use; or there is one that does not compute.
    """
    import_quietly()
    import keras
    import tensorflow as tf

    gpus = usable_gpus(require_gpu)
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # already computing in this process (tests, several trainings in one worker)
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
    """The GPUs to train on, TensorFlow's list. Where one is amiss, a line says why and the CPU is used.

    Raises:
        UserError: `require`, and there is none.
    """
    import_quietly()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    why = gpu_diagnosis.trouble(gpu_diagnosis.ask_driver(), gpu_diagnosis.needs(), len(gpus))
    if require and (why or not gpus):
        raise UserError(f"--require-gpu, but {why or 'this machine shows none: there is no NVIDIA driver.'}")
    if why:
        print(f"note: training on the CPU: {why}", file=sys.stderr)
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        return []
    return gpus
