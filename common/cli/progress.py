"""Progress bars: live on a terminal, an occasional line in a log file."""

import sys

from tqdm import tqdm


class _Bar(tqdm):
    def __del__(self):
        """Does nothing: a bar ends with its loop, and tqdm's method fails if Ctrl-C stopped the bar at its start."""


def progress_bar(iterable=None, **settings):
    """Makes a tqdm bar on stderr; if stderr is a file, it writes every half minute, not ten times a second."""
    if not sys.stderr.isatty():
        settings |= {"mininterval": 30, "maxinterval": 60, "ncols": 100}
    return _Bar(iterable, dynamic_ncols=sys.stderr.isatty(), file=sys.stderr, **settings)
