"""Checks the compressed chunks of an HDF5 dataset before HDF5 unpacks them.

HDF5 1.14 trusts a chunk's content. If it unpacks to less than a chunk, the rest is whatever was in this process's
memory; if it unpacks to more, HDF5 allocates that much. So each chunk is unpacked here once, with a limit.
"""

import zlib
from dataclasses import dataclass
from math import prod

import h5py

from common.errors import UserError

DEFLATE, SHUFFLE, FLETCHER32, LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32000
CHUNK_LIMIT_BYTES = 1 << 26  # largest chunk that may exceed its dataset
CHECKSUM_BYTES = 4  # that fletcher32 adds


@dataclass(frozen=True)
class Chunks:
    """The chunks of one dataset. `rows` and `bytes` are those of one chunk, unpacked.

    unchecked: by first row, the offset of each chunk and the filters that it skips, one bit each.
    """

    dataset: h5py.h5d.DatasetID
    rows: int
    bytes: int
    filters: tuple[int, ...]
    unchecked: dict[int, list[tuple[tuple[int, ...], int]]]

    def check(self, start: int, stop: int) -> None:
        """Checks every chunk that contains any of the rows start..stop; each is checked once.

        Raises:
            ValueError, zlib.error: it does not unpack to exactly one chunk.
        """
        for row in range(start - start % self.rows, stop if self.filters else start, self.rows):
            for offset, skipped in self.unchecked.pop(row, ()):
                raw = self.dataset.read_direct_chunk(offset)[1]
                applied = [code for place, code in enumerate(self.filters) if not skipped >> place & 1]
                if _unpacked_length(raw, applied, self.bytes + CHECKSUM_BYTES) != self.bytes:
                    raise ValueError(f"a chunk does not unpack to {self.bytes} bytes")


def chunks_of(dataset: h5py.h5d.DatasetID, item_bytes: int, name: str) -> Chunks:
    """Lists the chunks of a chunked dataset and compares them with its shape; nothing is unpacked.

    `item_bytes` is the size of one value; `name` is for messages.

    Raises:
        UserError: unknown filters, missing chunks, or chunks that are too large for the dataset.
    """
    settings, shape = dataset.get_create_plist(), dataset.shape
    filters = tuple(settings.get_filter(index)[0] for index in range(settings.get_nfilters()))
    once = len(set(filters)) == len(filters) and not {DEFLATE, LZF} <= set(filters)
    if not once or set(filters) - {DEFLATE, SHUFFLE, FLETCHER32, LZF}:
        raise UserError(
            f"{name} is compressed in an unusual way. Received: HDF5 filters {list(filters)}. Repack the file with "
            "gzip on the machine that made it: h5repack -f GZIP=1 OLD NEW."
        )
    chunk = settings.get_chunk()
    size, whole = prod(chunk) * item_bytes, prod(shape) * item_bytes
    if size > max(whole, CHUNK_LIMIT_BYTES):
        raise UserError(
            f"{name} has chunks that are larger than itself. Received: chunks of {size / 1e6:.0f} MB for "
            f"{whole / 1e6:.0f} MB. Repack the file: h5repack."
        )
    stored = {}
    dataset.chunk_iter(lambda info: stored.update({info.chunk_offset: info.filter_mask}))
    wanted = prod(-(-side // step) for side, step in zip(shape, chunk, strict=True))
    if len(stored) < wanted:
        raise UserError(
            f"{name} was never written completely. Received: {len(stored)} of {wanted} chunks. Fetch or build it again."
        )
    unchecked = {}
    for offset, skipped in stored.items():
        unchecked.setdefault(offset[0], []).append((offset, skipped))
    return Chunks(dataset, chunk[0], size, filters, unchecked)


def _unpacked_length(raw: bytes, filters: list[int], limit: int) -> int:
    """The number of bytes in a chunk, or `limit` + 1 if there are more."""
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
    """The unpacked size of an LZF stream in bytes, from its tokens: literals, or copies of earlier bytes."""
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
