"""Hides the native log lines of TensorFlow's import, for which there is no setting."""

import os
import sys
import tempfile
from contextlib import contextmanager


@contextmanager
def quiet_stderr():
    """Hides what native code writes to stderr, and shows it if the block ends with an error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
    """Redirects file descriptor 2, which native code writes to; yields the real one."""
    real = os.dup(2)
    os.dup2(target, 2)
    try:
        yield real
    finally:
        os.dup2(real, 2)
        os.close(real)
