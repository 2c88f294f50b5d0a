"""Treats Ctrl-C and SIGTERM as a request: the run ends cleanly, keeps its best model and prints a message."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether the user, the scheduler or `docker stop` asked the run to end; use it in a `with` statement.

    The first signal only asks the run to end. A second Ctrl-C interrupts the run immediately.
    """

    def __init__(self, silent: bool = False):
        """If `silent` is set, nothing is printed, and a second Ctrl-C does not interrupt the run."""
        self.signal: int | None = None
        self._silent = silent
        self._before = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # signals can be handled only in the main thread
            for number in STOPS:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Returns True after a signal has arrived."""
        return self.signal is not None

    @property
    def status(self) -> int:
        """The exit status that shows which signal ended the program; 0 if there was no signal."""
        return 128 + self.signal if self.signal is not None else 0

    def _ask(self, number, _frame):
        again, self.signal = self.signal is not None, self.signal or number
        if self._silent:
            return
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt
        print("\nstopping: the best model so far is saved and evaluated (Ctrl-C again ends at once)", file=sys.stderr)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C and SIGTERM until the block ends.

    Masking the signals is not enough: a NumPy thread would receive them, and Python's handler would run anyway.
    """
    held = StopRequest(silent=True)
    try:
        with held:
            yield
    finally:
        if held():
            signal.raise_signal(held.signal)
