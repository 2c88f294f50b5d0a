"""Malicious patch files: each attack works on plain h5py, and every reader of ours refuses it in one line."""

import os
import resource
import subprocess
import sys
import textwrap
import zlib

import h5py
import numpy as np
import pytest

from common.datasets import hdf5_column
from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.hdf5_chunks import _lzf_length
from common.datasets.load import read_files
from common.datasets.patch_file import open_patches, read_patches, task_of
from common.datasets.resolve import _check
from common.datasets.streaming import check_memory, stored_patches
from common.errors import UserError
from dataset_tools.inspection import file_statistics

from ...tiny import ROOT
from .small_patches import pixels, raw

N = 40
SECRET = b"the private key of this machine " * (N * 8)
LABELS = np.arange(N) % 2
TASK = "classification"
READERS = {
    "training": lambda path: read_patches(path, TASK),
    "--stream": lambda path: stored_patches([path], TASK).X[:],
    "memory": lambda path: check_memory([path]),
    "inspect": lambda path: file_statistics.gather(path, task_of(path)),
    "evaluate": lambda path: read_files([path], TASK)[0].X[:],
    "download": _check(parse_stem(DEFAULT_STEMS[TASK], TASK)),
}


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path / "secret"


def source(path):
    return raw(path, X=np.frombuffer(SECRET[: N * 256], np.uint8).reshape(N, 16, 16, 1), y=LABELS)


def external_storage(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (N, 16, 16, 1), "u1", external=[(str(secret), 0, N * 256)])
        file["y"] = LABELS


def external_link(path, secret):
    source(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = h5py.ExternalLink("other.h5", "/X"), LABELS


def soft_link_through_external(path, secret):
    source(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file["door"], file["X"], file["y"] = h5py.ExternalLink("other.h5", "/"), h5py.SoftLink("/door/X"), LABELS


def external_labels(path, secret):
    source(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = pixels(N), h5py.ExternalLink("other.h5", "/y")


def external_recordings(path, secret):
    raw(path.with_name("other.h5"), recording=np.array([b"secret name"] * N))
    with h5py.File(path, "w") as file:
        file["X"], file["y"], file["recording"] = pixels(N), LABELS, h5py.ExternalLink("other.h5", "/recording")


def virtual(path, secret):
    source(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((N, 16, 16, 1), "u1")
        layout[:] = h5py.VirtualSource("other.h5", "X", (N, 16, 16, 1))
        file.create_virtual_dataset("X", layout)
        file["y"] = LABELS


ELSEWHERE = {
    external_storage: "external storage in .*secret",
    external_link: r"an external link to other\.h5",
    soft_link_through_external: r"an external link to other\.h5",
    external_labels: r"an external link to other\.h5",
    external_recordings: r"an external link to other\.h5",
    virtual: "a virtual dataset",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("attack", ELSEWHERE, ids=lambda attack: attack.__name__)
def test_values_of_other_files_are_not_read(tmp_path, secret, attack, reader):
    path = tmp_path / "a.h5"
    attack(path, secret)
    with h5py.File(path) as file:  # the attack works on plain h5py
        read = b"".join(file[key][:].tobytes() for key in ("X", "y", "recording") if key in file)
    elsewhere = h5py.File(path.with_name("other.h5"), "r") if path.with_name("other.h5").exists() else {}
    assert any(value in read for value in (SECRET[:4096], *(elsewhere[key][:].tobytes() for key in elsewhere)))
    with pytest.raises(UserError, match=f"is not stored in the file itself. Received: {ELSEWHERE[attack]}") as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)


def dangling_link(path):
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = h5py.SoftLink("/gone/X"), LABELS


def circular_link(path):
    with h5py.File(path, "w") as file:
        file["X"], file["Z"], file["y"] = h5py.SoftLink("/Z"), h5py.SoftLink("/X"), LABELS


def missing_source(path):
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((N, 16, 16, 1), "u1")
        layout[:] = h5py.VirtualSource("gone.h5", "X", (N, 16, 16, 1))
        file.create_virtual_dataset("X", layout)
        file["y"] = LABELS


def group_in_place_of_pixels(path):
    with h5py.File(path, "w") as file:
        file.create_group("X")
        file["y"] = LABELS


def declared_only(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (N, 16, 16, 1), "u1")
        file["y"] = LABELS


def labels_declared_only(path):
    with h5py.File(path, "w") as file:
        file["X"] = pixels(N)
        file.create_dataset("y", (N,), "u1", chunks=(8,))


def half_written(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (N, 16, 16, 1), "u1", chunks=(4, 16, 16, 1))[: N // 2] = pixels(N // 2)
        file["y"] = LABELS


def null_space(path):
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = h5py.Empty("u1"), LABELS


def odd_type(path):
    with h5py.File(path, "w") as file:
        file["X"] = pixels(N)
        kind = h5py.h5t.NATIVE_INT32.copy()
        kind.set_size(3)
        h5py.h5d.create(file.id, b"y", kind, h5py.h5s.create_simple((N,)))


def time_type(path):
    with h5py.File(path, "w") as file:
        file["X"] = pixels(N)
        h5py.h5d.create(file.id, b"y", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((N,)))


def references(path):
    with h5py.File(path, "w") as file:
        file["X"] = pixels(N)
        file["y"] = np.array([file["X"].ref] * N, h5py.ref_dtype)


def long_names(path):
    raw(path, X=pixels(N), y=LABELS, recording=np.array([b"x" * 5000] * N))


USELESS = {
    dangling_link: "a soft link to gone, which does not exist",
    circular_link: "links without an end",
    missing_source: "a virtual dataset",
    group_in_place_of_pixels: "X is not a dataset",
    declared_only: r"X was never written\.",
    labels_declared_only: r"y was never written completely\. Received: 0 of 5 chunks",
    half_written: r"X was never written completely\. Received: 5 of 10 chunks",
    null_space: r"X is empty\. Received: a null dataspace",
    odd_type: "y has a type that cannot be read",
    time_type: "y has a type that cannot be read",
    references: "y must hold plain numbers or strings",
    long_names: r"recording must hold names of at most 1024 bytes\. Received: 5000",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fault", USELESS, ids=lambda fault: fault.__name__)
def test_missing_data_and_wrong_types_are_refused_in_one_line(tmp_path, fault, reader):
    fault(tmp_path / "a.h5")
    with pytest.raises(UserError, match=USELESS[fault]) as caught:
        READERS[reader](tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_a_link_inside_the_file_is_followed(tmp_path, reader):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["inside/X"], file["inside/labels"] = pixels(N), LABELS
        file["X"], file["y"] = h5py.SoftLink("inside/X"), h5py.SoftLink("/inside/./link")
        file["inside/link"] = h5py.SoftLink("labels")
    READERS[reader](tmp_path / "a.h5")
    assert read_patches(tmp_path / "a.h5", TASK).y.tolist() == LABELS.tolist()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "source"])
def test_no_reader_hangs_on_something_that_is_not_a_file(tmp_path, kind, reader):
    path = tmp_path / "a.h5"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        os.mknod(path, 0o140600)
    elif kind == "pipe":
        os.mkfifo(path)
    else:  # a virtual dataset without a fixed length opens its sources to find its shape
        os.mkfifo(tmp_path / "pipe.h5")
        with h5py.File(path, "w", libver="latest") as file:
            layout = h5py.VirtualLayout((N, 16, 16, 1), "u1", maxshape=(None, 16, 16, 1))
            pixels_of = h5py.VirtualSource(str(tmp_path / "pipe.h5"), "X", (N, 16, 16, 1), maxshape=(None, 16, 16, 1))
            layout[: h5py.h5s.UNLIMITED] = pixels_of[: h5py.h5s.UNLIMITED]
            file.create_virtual_dataset("X", layout)
            file["y"] = LABELS
    with pytest.raises(UserError, match="virtual dataset" if kind == "source" else "is not a regular file"):
        READERS[reader](path)


def with_chunk(path, content, compression="gzip", shape=(N, 16, 16, 1)):
    """A file whose X is one chunk with `content` as its raw bytes."""
    with h5py.File(path, "w") as file:
        X = file.create_dataset("X", shape, "u1", chunks=shape, compression=compression)
        X.id.write_direct_chunk((0, 0, 0, 0), content)
        file["y"] = np.arange(shape[0]) % 2
    return path


@pytest.mark.parametrize("reader", [name for name in READERS if name != "memory"])  # which reads no pixels
@pytest.mark.parametrize(
    ("compression", "content"),
    [("gzip", zlib.compress(b"short")), ("lzf", b"\4short"), ("gzip", zlib.compress(bytes(N * 256 + 1)))],
)
def test_a_chunk_of_another_size_does_not_show_the_memory_of_this_process(tmp_path, compression, content, reader):
    path = with_chunk(tmp_path / "a.h5", content, compression)
    with h5py.File(path) as file:
        assert file["X"][:].size == N * 256  # plain h5py returns bytes that were never in the file
    with pytest.raises(UserError, match=f"a chunk does not unpack to {N * 256} bytes"):
        READERS[reader](path)


def test_the_length_of_an_lzf_stream_is_what_h5py_unpacks(tmp_path):
    X = np.repeat(pixels(N), 3, axis=1)[:, :16]
    X[N // 2 :] = 7
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("X", data=X, chunks=(N, 16, 16, 1), compression="lzf")
        file["y"] = LABELS
        packed = dataset.id.read_direct_chunk((0, 0, 0, 0))[1]
    assert len(packed) < X.size
    assert _lzf_length(packed) == X.size
    assert (read_patches(tmp_path / "a.h5", TASK).X == X).all()


@pytest.mark.parametrize("options", [{"shuffle": True}, {"fletcher32": True}, {"shuffle": True, "fletcher32": True}])
@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("chunks", [(7, 16, 16, 1), (16, 8, 16, 1), True])
def test_files_with_every_usual_filter_are_read(tmp_path, options, compression, chunks):
    X = pixels(N) // 64
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=chunks, compression=compression, **options)
        file.create_dataset("y", data=LABELS, chunks=True, maxshape=(None,), compression=compression, **options)
    assert (read_patches(tmp_path / "a.h5", TASK).X == X).all()
    with open_patches(tmp_path / "a.h5", TASK) as file:
        assert (X[5:20] == file.read(5, 20).X).all()


def peak_mb(program):
    """The peak memory in MB of a process that runs `program`, and its last line of output."""
    program = (
        textwrap.dedent(program) + "\nprint(next(x for x in open('/proc/self/status') if x[:6] == 'VmHWM:').split()[1])"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    *words, peak = found.stdout.splitlines()
    return int(peak) / 1e3, " ".join(words)


def deflate_bomb(path):
    packer = zlib.compressobj(9)
    block = bytes(1 << 24)
    with_chunk(path, b"".join([*(packer.compress(block) for _ in range(64)), packer.flush()]))


def declared(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10**8, 16, 16, 1), np.uint8, chunks=(1024, 16, 16, 1))
        file.create_dataset("y", (10**8,), np.float64, chunks=(1 << 20,))


def large_chunk(path):
    shape = (1 << 20, 16, 16, 1)  # 268 MB for 40 patches
    with h5py.File(path, "w") as file:
        X = file.create_dataset("X", (N, 16, 16, 1), np.uint8, chunks=shape, maxshape=shape, compression="gzip")
        X[:] = 1
        file["y"] = LABELS


def one_name_for_all(path):
    """Strings of variable length are references; here 20,000 of them point to the same 2 MB."""
    n = 20_000
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = np.zeros((n, 16, 16, 1), "u1"), np.arange(n) % 2
        file.create_dataset("recording", (n,), h5py.string_dtype())[0] = "x" * 2_000_000
        at = file["recording"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[at : at + 16 * n] = content[at : at + 16] * n
    path.write_bytes(content)


def name_of_gigabytes(path):
    """A string of variable length that claims to have 2 GB."""
    raw(path, X=pixels(N), y=LABELS, recording=np.array(["a"] * N, dtype=object))
    with h5py.File(path) as file:
        at = file["recording"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[at : at + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("reader", ["read_patches(path, 'classification')", "stored_patches([path], 'classification')"])
@pytest.mark.parametrize(
    "attack", [deflate_bomb, declared, large_chunk, one_name_for_all, name_of_gigabytes], ids=lambda a: a.__name__
)
def test_a_small_file_takes_little_memory(tmp_path, attack, reader):
    path = tmp_path / "a.h5"
    attack(path)
    peak, words = peak_mb(
        f"""
        from pathlib import Path
        from common.errors import UserError
        from common.datasets.patch_file import read_patches
        from common.datasets.streaming import stored_patches
        path = Path({str(path)!r})
        try:
            {reader}.X[:]
        except UserError as error:
            print("refused:", error)
        """,
    )
    assert words.startswith("refused:")
    assert peak < 250


def test_more_than_the_free_memory_is_not_read(tmp_path, monkeypatch):
    n = 1 << 17
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", data=np.zeros((n, 16, 16, 1), "u1"), chunks=(1 << 14, 16, 16, 1), compression="gzip")
        file["y"] = np.arange(n) % 2
    assert (tmp_path / "a.h5").stat().st_size < 3 << 20
    monkeypatch.setattr(hdf5_column, "free_memory", lambda: 30 << 20)
    with pytest.raises(UserError, match=r"does not fit into memory\. Received: 0\.0 GB to read"):
        read_patches(tmp_path / "a.h5", TASK)


def test_a_process_has_a_limit_of_open_files(tmp_path):
    raw(tmp_path / "a.h5", X=pixels(N), y=LABELS)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be opened\. Received: Too many open files"):
            read_patches(tmp_path / "a.h5", TASK)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reader", [name for name in READERS if name != "memory"])
def test_a_heap_that_hdf5_would_walk_for_ever_is_refused(tmp_path, reader):
    path = raw(tmp_path / "a.h5", X=pixels(N), y=LABELS, recording=np.array(["a", "b"] * (N // 2), dtype=object))
    content = path.read_bytes()
    at = content.index(b"GCOL") + 16
    while int.from_bytes(content[at : at + 2], "little"):  # go to the free space at the end of the heap
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    path.write_bytes(content[: at + 8] + bytes(8) + content[at + 16 :])  # and set its size to 0
    program = "import h5py, sys; h5py.File(sys.argv[1])['recording'][:]"
    with pytest.raises(subprocess.TimeoutExpired):  # plain h5py never ends
        subprocess.run([sys.executable, "-c", program, str(path)], timeout=3)
    with pytest.raises(UserError, match="the objects of a heap do not fit into it"):
        READERS[reader](path)
