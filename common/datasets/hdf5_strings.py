"""Reads strings of variable length from untrusted HDF5 files.

HDF5 stores such strings in heaps. HDF5 1.14 and 2.0 do not check the heaps: reading a damaged heap may never end, and a
string takes as much memory as it claims to need.
"""

import mmap
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

NAME_BYTES_MAX = 1024  # maximum length of the name of a recording, camera or origin
NAMES_AT_ONCE = 8192
LITTLE_BYTES = 1 << 27
SIGNATURE = b"GCOL\x01\0\0\0"  # the first bytes of a collection of objects; they include its version
ALIGNED = 8  # bytes


def check_heaps(path: Path, file: h5py.File) -> None:
    """Walks through every heap as HDF5 does; raises a ValueError if a step leads backwards or out of the heap.

    See the HDF5 file format, III.E "Disk Format: Level 1E - Global Heap".
    """
    header = ALIGNED + file.id.get_create_plist().get_sizes()[1]  # the superblock says how long a length field is
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(SIGNATURE)
        while start >= 0:
            size = int.from_bytes(content[start + ALIGNED : start + header], "little")
            at, end = start + -(-header // ALIGNED) * ALIGNED, start + size
            if end > len(content):
                raise ValueError("a heap is larger than its file")
            while at + header <= end:
                index = int.from_bytes(content[at : at + 2], "little")
                length = int.from_bytes(content[at + ALIGNED : at + header], "little")
                step = header + -(-length // ALIGNED) * ALIGNED if index else length  # index 0: the free space
                if not header <= step <= end - at:
                    raise ValueError("the objects of a heap do not fit into it")
                at += step
            start = content.find(SIGNATURE, start + 1)


def read_strings(dataset: h5py.Dataset, target: np.ndarray, start: int) -> None:
    """Fills `target` with the strings from index `start` on; raises a ValueError if a string is too long for a name."""
    for at in range(0, len(target), NAMES_AT_ONCE):
        part = target[at : at + NAMES_AT_ONCE]
        with little_memory():
            dataset.read_direct(part, np.s_[start + at : start + at + len(part)])
        if max(map(len, part)) > NAME_BYTES_MAX:
            raise ValueError(f"a name of more than {NAME_BYTES_MAX} characters")


@contextmanager
def little_memory() -> Iterator[None]:
    """Limits the memory that this process may allocate while HDF5 reads strings of variable length.

    HDF5 allocates and clears as many bytes as a string claims to have, up to 4 GB, before it checks that they exist.
    Any number of strings may refer to the same bytes. On systems without /proc, no limit is set.
    """
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    if before[0] == resource.RLIM_INFINITY or used + LITTLE_BYTES < before[0]:
        resource.setrlimit(resource.RLIMIT_AS, (used + LITTLE_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
