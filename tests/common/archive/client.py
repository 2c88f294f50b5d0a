"""Defines the file that the tests of the archive client download, and helpers that check the download."""

import random

import pytest

from common.archive.download_errors import ArchiveError
from common.archive.fetch import sibling
from common.archive.retry import Patience

NAME = "classification/some family/patches_16x16.h5"
LIST = "classification/some family/SHA256SUMS"
CONTENT = random.Random(2).randbytes(300_000)
OTHER = random.Random(3).randbytes(300_000)
QUICK = Patience(connect_s=5, read_s=5, attempts=3, backoff_s=0.001)
SLOW = Patience(connect_s=2, read_s=2, attempts=2, backoff_s=0.001, slow_s=0.4)
IMPATIENT = Patience(connect_s=5, read_s=0.2, attempts=2, backoff_s=0.001)


def partial(tmp_path):
    return sibling(tmp_path / NAME, "part")


def refused(bring, kind=ArchiveError, **options):
    """Returns the expected error's message, after checking that the message is one line of our own text."""
    with pytest.raises(kind) as caught:
        bring(**options)
    assert caught.type is kind
    text = str(caught.value)
    assert "\n" not in text
    assert "Pool(" not in text, "the text comes from a library, not from us"
    return text


def left_behind(tmp_path):
    """Returns the names of all files that are left in the folder, except lock files."""
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock")
