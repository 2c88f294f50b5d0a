"""Reads all patches of some chunks for the tests of the readers."""

import hashlib

from dataset_tools.sources.patch_sources import Patch, Skipped, naoth_chunks, read


def everything(chunks):
    """Returns all patches of the given chunks, and everything that was skipped."""
    items = []
    for chunk in chunks:
        items += [chunk] if isinstance(chunk, Skipped) else list(read(chunk, hashlib.sha256()))
    return [item for item in items if isinstance(item, Patch)], [item for item in items if isinstance(item, Skipped)]


def reasons(root):
    _, skipped = everything(naoth_chunks(root, 0))
    return [item.reason for item in skipped]
