"""Checks the heaps with an HDF5 file's strings of variable length; HDF5 1.14 loops forever on a damaged heap."""

import mmap
from pathlib import Path

import h5py

SIGNATURE = b"GCOL\x01\0\0\0"  # of a collection of objects, and its version
ALIGNED = 8  # bytes


def check_heaps(path: Path, file: h5py.File) -> None:
    """Walks through every heap of an open file as HDF5 does; raises a ValueError if a step leads back or outside.

    HDF5 file format, III.E "Disk Format: Level 1E - Global Heap".
    """
    header = ALIGNED + file.id.get_create_plist().get_sizes()[1]  # bytes of a length field, from the superblock
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
