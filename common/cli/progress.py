"""Progress bars: live on a terminal, an occasional line in a log file."""

import sys

from tqdm import tqdm


class _Bar(tqdm):
    def __del__(self):
        """Does nothing: a bar ends with its loop or `with`. tqdm would print a traceback if Ctrl-C came while it began."""


def progress_bar(iterable=None, **settings):
    """A tqdm bar on stderr; if stderr is a file, it writes every half minute instead of ten times a second."""
    if not sys.stderr.isatty():
        settings |= {"mininterval": 30, "maxinterval": 60, "ncols": 100}
    return _Bar(iterable, dynamic_ncols=sys.stderr.isatty(), file=sys.stderr, **settings)
