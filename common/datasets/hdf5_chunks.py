"""Checks the compressed chunks of an HDF5 dataset before HDF5 unpacks them.

HDF5 1.14 trusts a chunk's content. If it unpacks to less than a chunk, the rest is whatever was in this process's
memory; if it unpacks to more, HDF5 allocates that much. So each chunk is unpacked here once, with a limit.
"""

import zlib
from dataclasses import dataclass, field
from math import prod

import h5py

from common.errors import UserError

DEFLATE, SHUFFLE, FLETCHER32, LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32000
KNOWN = (DEFLATE, SHUFFLE, FLETCHER32, LZF)
NAMES = {4: "szip", 5: "nbit", 6: "scaleoffset", 307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle"}
NAMES |= {32013: "zfp", 32015: "zstd", 32026: "blosc2"}
CHUNK_LIMIT_BYTES = 1 << 26  # largest chunk that may exceed its dataset
CHECKSUM_BYTES = 4  # that fletcher32 adds


@dataclass
class Chunks:
    """The chunks of one dataset; `bytes` is the unpacked size of one.

    stored: offset of each chunk in the dataset -> the filters that this chunk skips, one bit each.
    """

    dataset: h5py.h5d.DatasetID
    shape: tuple[int, ...]
    bytes: int
    filters: tuple[int, ...]
    stored: dict[tuple[int, ...], int]
    rows: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)  # first row -> unchecked offsets

    def __post_init__(self):
        for offset in self.stored:
            self.rows.setdefault(offset[0], []).append(offset)

    def check(self, start: int, stop: int) -> None:
        """Checks every chunk that contains any of the rows start..stop; each is checked once.

        Raises:
            ValueError: it does not unpack to exactly one chunk.
        """
        if self.filters:
            for row in range(start - start % self.shape[0], stop, self.shape[0]):
                for offset in self.rows.pop(row, ()):
                    _, raw = self.dataset.read_direct_chunk(offset)
                    length = _unpacked_length(raw, self._applied(offset), self.bytes + CHECKSUM_BYTES)
                    if length != self.bytes:
                        raise ValueError(f"a chunk does not unpack to {self.bytes} bytes")

    def _applied(self, offset: tuple[int, ...]) -> list[int]:
        mask = self.stored[offset]
        return [code for place, code in enumerate(self.filters) if not mask >> place & 1]


def chunks_of(dataset: h5py.h5d.DatasetID, shape: tuple[int, ...], item_bytes: int, name: str) -> Chunks:
    """Lists the chunks of a dataset and compares them with its shape; nothing is unpacked.

    Args:
        dataset: a chunked one.
        shape: of the dataset.
        item_bytes: of one value.
        name: of file and dataset, for messages.

    Raises:
        UserError: an unknown filter, missing chunks, or chunks that are too large for the dataset.
    """
    settings = dataset.get_create_plist()
    filters = tuple(settings.get_filter(index)[0] for index in range(settings.get_nfilters()))
    if unknown := [code for code in filters if code not in KNOWN]:
        known = NAMES.get(unknown[0], "an unknown filter")
        raise UserError(
            f"{name} is compressed with {known}. Received: HDF5 filter {unknown[0]}. Repack the file with gzip on the "
            "machine that made it: h5repack -f GZIP=1 OLD NEW."
        )
    if len(set(filters)) < len(filters) or {DEFLATE, LZF} <= set(filters):
        raise UserError(f"{name} is compressed twice. Received: HDF5 filters {list(filters)}. Repack it with gzip.")
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
    return Chunks(dataset, chunk, size, filters, stored)


def _unpacked_length(raw: bytes, filters: list[int], limit: int) -> int:
    """The number of bytes in a chunk, or `limit` + 1 if there are more."""
    length = len(raw)
    for code in reversed(filters):
        if code == FLETCHER32:
            length -= CHECKSUM_BYTES
        elif code == DEFLATE:
            try:
                length = len(zlib.decompressobj().decompress(raw[:length], limit + 1))
            except zlib.error as error:
                raise ValueError(f"a damaged chunk: {error}") from None
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
