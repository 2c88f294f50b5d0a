"""Malicious patch files: each attack succeeds with plain h5py, but all our readers refuse it with a one-line error."""

import os
import resource
import struct

import h5py
import numpy as np
import pytest

from common.datasets.patch_file import read_patches
from common.errors import UserError

from .hostile_files import LABELS, READERS, TASK, N
from .small_patches import pixels, raw

SECRET = b"the private key of this machine " * (N * 8)


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
    soft_link_through_external: "a soft link to /door/X",
    external_labels: r"an external link to other\.h5",
    external_recordings: r"an external link to other\.h5",
    virtual: "a virtual dataset",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("attack", ELSEWHERE, ids=lambda attack: attack.__name__)
def test_values_of_other_files_are_not_read(tmp_path, secret, attack, reader):
    path = tmp_path / "a.h5"
    attack(path, secret)
    with h5py.File(path) as file:  # the attack succeeds with plain h5py
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


def written_outside(path):
    """The only chunk lies beyond the declared end of the file. HDF5 would read zeros instead of this chunk."""
    with h5py.File(path, "w") as file:
        X = file.create_dataset("X", (2 * N, 16, 16, 1), "u1", chunks=(N, 16, 16, 1), maxshape=(None, 16, 16, 1))
        X[N:], file["y"] = pixels(N), LABELS
    declared = struct.pack("<4Q", 2 * N, 16, 16, 1)
    path.write_bytes(path.read_bytes().replace(declared, struct.pack("<4Q", N, 16, 16, 1)))


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
    dangling_link: "a soft link to /gone/X",
    circular_link: "a soft link to /Z",
    missing_source: "a virtual dataset",
    group_in_place_of_pixels: "X is not a dataset",
    declared_only: r"X was never written\.",
    labels_declared_only: r"y was never written completely\. Received: 0 of 5 chunks",
    half_written: r"X was never written completely\. Received: 5 of 10 chunks",
    written_outside: r"X was never written completely\. Received: 0 of 1 chunks",
    null_space: r"X is empty\. Received: a null dataspace",
    odd_type: "y must hold plain numbers, or strings of at most 1024 bytes",
    time_type: "y must hold plain numbers, or strings of at most 1024 bytes",
    references: r"y must hold plain numbers, or strings .*\. Received: object",
    long_names: r"recording must hold plain numbers, or strings of at most 1024 bytes\. Received: \|S5000",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fault", USELESS, ids=lambda fault: fault.__name__)
def test_missing_data_and_wrong_types_are_refused_in_one_line(tmp_path, fault, reader):
    fault(tmp_path / "a.h5")
    with pytest.raises(UserError, match=USELESS[fault]) as caught:
        READERS[reader](tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


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


def test_a_process_has_a_limit_on_open_files(tmp_path):
    raw(tmp_path / "a.h5", X=pixels(N), y=LABELS)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be opened\. Received: Too many open files"):
            read_patches(tmp_path / "a.h5", TASK)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
