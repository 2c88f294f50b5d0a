"""Threads, GPU memory and seeds: what has to be set before TensorFlow computes anything."""

import os
import sys
import tempfile
from contextlib import contextmanager

from common.cli import UserError


def import_quietly() -> None:
    """Imports TensorFlow and looks for GPUs without the page of native log lines that no setting keeps away.

    What was held back is shown where the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, _stderr_to(held.fileno()) as stderr:
        try:
            import keras  # noqa: F401
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")
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

    Raises:
        UserError: `require_gpu`, and TensorFlow sees none.
    """
    import_quietly()
    import keras
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if require_gpu and not gpus:
        raise UserError(
            "--require-gpu, but TensorFlow sees no GPU. Received: CPU only. Check the driver (nvidia-smi), "
            "`docker run --gpus all`, and that the gpu extra is installed."
        )
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # already computing in this process (tests, several trainings in one worker)
            pass
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)  # or the first training takes the whole card
    if gpus:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
