"""Checks the chunks of an HDF5 dataset before HDF5 unpacks them.

HDF5 1.14 and 2.0 trust a chunk's content. If a chunk unpacks to too few bytes, the missing values are old memory of
this process; if it unpacks to too many bytes, HDF5 allocates memory for all of them. So each chunk is checked first.
"""

import zlib
from itertools import product
from math import prod
from operator import lt

import h5py

from common.errors import UserError

DEFLATE, SHUFFLE, FLETCHER32, LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32000
CHUNK_LIMIT_BYTES = 1 << 26  # a chunk up to this size may be larger than its dataset
CHECKSUM_BYTES = 4  # added by fletcher32


def check_layout(dataset: h5py.h5d.DatasetID, name: str) -> None:
    """Raises a UserError for unknown filters, missing chunks, or chunks that are too large for the dataset.

    Nothing is unpacked. `name` describes the dataset in messages.
    """
    filters, chunk, item = _filters(dataset), dataset.get_create_plist().get_chunk(), dataset.get_type().get_size()
    once = len(set(filters)) == len(filters) and not {DEFLATE, LZF} <= set(filters)
    if not once or set(filters) - {DEFLATE, SHUFFLE, FLETCHER32, LZF}:
        raise UserError(
            f"{name} is compressed in an unusual way. Received: HDF5 filters {filters}. Repack the file with "
            "gzip on the machine that made it: h5repack -f GZIP=1 OLD NEW."
        )
    size, whole = prod(chunk) * item, prod(dataset.shape) * item
    if size > max(whole, CHUNK_LIMIT_BYTES):
        raise UserError(
            f"{name} has chunks that are larger than the dataset. Received: chunks of {size / 1e6:.0f} MB for "
            f"{whole / 1e6:.0f} MB. Repack the file: h5repack."
        )
    stored = set()
    dataset.chunk_iter(lambda info: stored.add(info.chunk_offset))
    written = sum(all(map(lt, offset, dataset.shape)) for offset in stored)
    wanted = prod(-(-side // step) for side, step in zip(dataset.shape, chunk, strict=True))
    if written < wanted:
        raise UserError(
            f"{name} was never written completely. Received: {written} of {wanted} chunks. Fetch or build it again."
        )


def check_chunks(dataset: h5py.h5d.DatasetID, start: int, stop: int, checked: set[tuple[int, ...]]) -> None:
    """Checks every chunk that contains any of the rows start..stop, and adds it to `checked`.

    Raises:
        ValueError, zlib.error: the content does not unpack to exactly one chunk.
    """
    filters, chunk = _filters(dataset), dataset.get_create_plist().get_chunk()
    size = prod(chunk) * dataset.get_type().get_size()
    rows = range(start - start % chunk[0], stop if filters else start, chunk[0])
    rest = (range(0, side, step) for side, step in zip(dataset.shape[1:], chunk[1:], strict=True))
    for offset in product(rows, *rest):
        if offset not in checked:
            skipped, raw = dataset.read_direct_chunk(offset)
            applied = [code for place, code in enumerate(filters) if not skipped >> place & 1]
            if _unpacked_length(raw, applied, size + CHECKSUM_BYTES) != size:
                raise ValueError(f"a chunk does not unpack to {size} bytes")
            checked.add(offset)


def _filters(dataset: h5py.h5d.DatasetID) -> list[int]:
    settings = dataset.get_create_plist()
    return [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]


def _unpacked_length(raw: bytes, filters: list[int], limit: int) -> int:
    """Returns the number of bytes that a chunk unpacks to, or `limit` + 1 if there are more."""
    length = len(raw)
    for code in reversed(filters):
        if code == FLETCHER32:
            length -= CHECKSUM_BYTES
        elif code == DEFLATE:
            length = len(zlib.decompressobj().decompress(raw[:length], limit + 1))
        elif code == LZF:
            length = _lzf_length(raw[:length])
    return length


def _lzf_length(packed: bytes) -> int:
    """Computes the unpacked size of an LZF stream, in bytes, from its tokens (literals and copies of earlier bytes)."""
    length = at = 0
    while at < len(packed):
        token = packed[at]
        if token < 32:
            length, at = length + token + 1, at + token + 2
            continue
        copied = token >> 5
        if copied == 7:
            at += 1
            copied += packed[at] if at < len(packed) else 0
        length, at = length + copied + 2, at + 2
    return length
