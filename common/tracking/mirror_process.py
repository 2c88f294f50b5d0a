"""Starts, watches and ends `mlflow_mirror/beside_run.py`, the process that sends a run to its servers."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from common.tracking import journal
from common.tracking.server_state import missing

WAIT_SECONDS = 30.0
LOCAL_WAIT_SECONDS = 120.0  # a local store is always available, but other runs of a grid may be waiting for it
_RESTART_SECONDS = 30.0
_ROOT = Path(__file__).resolve().parents[2]


class MirrorProcess:
    """The process that sends a run and those runs of its grid that are passed to `carry`. No method raises an error.

    `chosen`: the servers that the user chose. `runs`: the runs to send; the first is `run`.
    """

    def __init__(self, run: Path, chosen: tuple[str, ...]):
        self.runs, self._chosen = [run], chosen
        self.process: subprocess.Popen | None = None
        self._started = 0.0

    def start(self) -> None:
        """Starts the process."""
        self._started = time.monotonic()
        self._close()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow_mirror.beside_run", str(self.runs[0]), *self._chosen],
                stdin=subprocess.PIPE,
                bufsize=0,  # see `_tell`
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,  # modules in the current working directory must not shadow installed modules
                start_new_session=True,  # Ctrl-C must end only the training
            )
        except OSError as error:
            print(f"warning: nothing is sent during the run: {error}", file=sys.stderr)
            return
        for run in self.runs[1:]:
            self._tell(run)

    def carry(self, run: Path) -> None:
        """Makes the process send `run`, too, because the runs of a grid do not start processes of their own."""
        if run not in self.runs:
            self.runs.append(run)
            self._tell(run)

    def keep_alive(self) -> None:
        """Restarts the process if it died (out of memory, perhaps), but not too often; a grid calls this regularly."""
        if self._died() and time.monotonic() - self._started >= _RESTART_SECONDS:
            self.start()

    def end(self, wait_s: float | None) -> None:
        """Waits until the process has sent everything, then ends it.

        Args:
            wait_s: time limit; None means WAIT_SECONDS, or LOCAL_WAIT_SECONDS if a local store is not complete by then.
        """
        if self._died():  # one more try to send the rest
            self.start()
        if self.process is None:
            return
        self._close()
        if self._ended(WAIT_SECONDS if wait_s is None else wait_s):
            return
        local = [target for target in journal.servers(self.runs[0]) if target.startswith("local:")]
        slow = wait_s is None and any(missing(run, target) for run in self.runs for target in local)
        if slow and self._ended(LOCAL_WAIT_SECONDS - WAIT_SECONDS):
            return
        self.process.kill()
        self.process.wait()

    def _died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _tell(self, run: Path) -> None:
        with contextlib.suppress(OSError, AttributeError):  # the process died; the next one gets the whole list
            self.process.stdin.write(os.fsencode(run) + b"\n")

    def _close(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self.process.stdin.close()

    def _ended(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return True
        return False
