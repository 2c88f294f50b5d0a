"""Progress bars: live on a terminal, a line now and then in a log file."""

import sys

from tqdm import tqdm


def progress_bar(iterable=None, **settings):
    """A tqdm bar on stderr; where stderr is a file it writes every half minute instead of ten times a second."""
    if not sys.stderr.isatty():
        settings |= {"mininterval": 30, "maxinterval": 60, "ncols": 100}
    return tqdm(iterable, dynamic_ncols=sys.stderr.isatty(), file=sys.stderr, **settings)
