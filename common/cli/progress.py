"""Progress bars: live on a terminal, an occasional line in a log file."""

import sys

from tqdm import tqdm


class _Bar(tqdm):
    def __del__(self):
        """Does nothing, because a bar ends with its loop; tqdm's fails for a bar that Ctrl-C stopped at its start."""


def progress_bar(iterable=None, **settings):
    """A tqdm bar on stderr; if stderr is a file, it writes every half minute instead of ten times a second."""
    if not sys.stderr.isatty():
        settings |= {"mininterval": 30, "maxinterval": 60, "ncols": 100}
    return _Bar(iterable, dynamic_ncols=sys.stderr.isatty(), file=sys.stderr, **settings)
