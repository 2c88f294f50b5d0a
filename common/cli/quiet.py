"""Hides the log lines that native code prints while TensorFlow is imported; no setting turns them off."""

import os
import sys
import tempfile
from contextlib import contextmanager

from common.cli.stop_request import uninterrupted


@contextmanager
def quiet_stderr():
    """Hides what native code writes to stderr, and shows it if the block ends with an error.

    Ctrl-C and SIGTERM take effect after the block: during an import, they could cause other errors or be lost.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    real = os.dup(2)
    with uninterrupted(), tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
