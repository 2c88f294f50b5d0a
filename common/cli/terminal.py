"""Makes output safe: shows control characters as escapes, and lets runs continue if their terminal is closed."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator

from common.cli.printable import visible

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # the pipe or terminal that reads the output is closed
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Terminal:
    """Wraps stdout or stderr of a command.

    Control characters, and characters that the encoding cannot represent, are written as escapes.
    """

    def __init__(self, stream, outlasting: bool = False):
        """If `outlasting` is set, text that cannot be written is dropped without an OSError."""
        self._stream, self._outlasting = stream, outlasting

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes any text, with control characters as escapes."""
        self.control(visible(text))
        return len(text)

    def control(self, text: str) -> None:
        """Writes the program's own text, which may contain control characters that move the cursor."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        plain = text.encode(encoding, "backslashreplace").decode(encoding)
        self._try(lambda: getattr(self._stream, "control", self._stream.write)(plain))

    def flush(self) -> None:
        """Writes the buffered text."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            if not self._outlasting:
                if error.errno in _GONE:
                    raise BrokenPipeError(error.errno, error.strerror) from None
                raise
            if error.errno not in _FULL:  # the disk may have room again later
                lead_nowhere(self._stream)
        except ValueError:  # the stream is closed
            if not self._outlasting:
                raise


@contextlib.contextmanager
def outlasting_terminal() -> Iterator[None]:
    """Lets a run continue if its terminal is closed or the disk with its log is full; output is then lost."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Terminal(stream, outlasting=True) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            try:
                stream.flush()
            except (OSError, ValueError):  # otherwise, the flush at exit would fail, too
                lead_nowhere(stream)


@contextlib.contextmanager
def safe_terminal() -> Iterator[None]:
    """Makes `print` show control characters as escapes, and work even if the program's streams are closed."""
    for number in range(3):  # otherwise, native code could write errors into a file that is opened later
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is `number`
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Terminal(stream or open(os.devnull, "w")) for stream in before)  # noqa: SIM115, PTH123
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def lead_nowhere(*streams) -> None:
    """Redirects streams to /dev/null, so that writing buffered text does not fail again at exit."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
