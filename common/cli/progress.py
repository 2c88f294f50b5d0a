"""Shows progress bars: live on a terminal, as occasional lines in a log file."""

import sys

from tqdm import tqdm


class _Bar(tqdm):
    def __del__(self):
        """Does nothing: the loop closes the bar, and tqdm's method fails if Ctrl-C interrupted the bar's start."""


def progress_bar(iterable=None, **settings):
    """Creates a tqdm bar on stderr; in a log file, it is updated every half minute instead of ten times a second."""
    if not sys.stderr.isatty():
        settings |= {"mininterval": 30, "maxinterval": 60, "ncols": 100}
    return _Bar(iterable, dynamic_ncols=sys.stderr.isatty(), file=sys.stderr, **settings)
