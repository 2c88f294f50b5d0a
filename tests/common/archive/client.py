"""What the tests of the archive client fetch, and how they look at what came of it."""

import random

import pytest

from common.archive.faults import ArchiveError, Patience

NAME = "classification/some family/patches_16x16.h5"
CONTENT = random.Random(2).randbytes(300_000)
QUICK = Patience(connect_s=5, read_s=5, attempts=3, backoff_s=0.001)


def refused(bring, kind=ArchiveError, **options):
    """The text of the error, after making sure that it is one line and that nothing stands in the file's place."""
    with pytest.raises(kind) as caught:
        bring(**options)
    assert caught.type is kind
    text = str(caught.value)
    assert "\n" not in text
    assert "Pool(" not in text, "the text of a library, not ours"
    return text


def left_behind(tmp_path):
    """Names of all files that stayed, but for the locks."""
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock")
