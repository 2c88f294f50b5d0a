"""Lists every function that reads untrusted patch files."""

import h5py
import numpy as np

from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.load import read_files
from common.datasets.patch_file import read_patches, stored_patches, task_of
from common.datasets.resolve import check_download
from dataset_tools.inspection import file_statistics

N = 40  # patches per file
LABELS = np.arange(N) % 2
TASK = "classification"
READERS = {
    "training": lambda path: read_patches(path, TASK),
    "--stream": lambda path: stored_patches([path], TASK).X[:],
    "inspect": lambda path: file_statistics.gather(path, task_of(path)),
    "evaluate": lambda path: read_files([path], TASK)[0].X[:],
    "download": lambda path: check_download(parse_stem(DEFAULT_STEMS[TASK], TASK), path),
}


def with_chunk(path, content, compression="gzip", shape=(N, 16, 16, 1)):
    """Writes a file whose X is one chunk with `content` as its raw bytes."""
    with h5py.File(path, "w") as file:
        X = file.create_dataset("X", shape, "u1", chunks=shape, compression=compression)
        X.id.write_direct_chunk((0, 0, 0, 0), content)
        file["y"] = np.arange(shape[0]) % 2
    return path
