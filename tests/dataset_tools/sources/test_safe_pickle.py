"""Pickled data is read, and pickled code does not run."""

import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest

from common.errors import UserError
from dataset_tools.sources.safe_pickle import load_all

from ..helpers import ROOT


class Runs:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def dotted(module, name):
    """Makes a pickle (protocol 4) that asks for `name` in `module`; `name` may contain dots."""
    text = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name))
    return b"\x80\x04" + text + b"\x93."


@pytest.mark.parametrize("protocol", range(6))
def test_data_of_every_protocol_is_read(tmp_path, protocol):
    objects = [
        0.25,
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.float64(3),
        ["a/b.png", "ö"],
        np.array(["x"]),
        np.asfortranarray(np.eye(3) + 1),
        np.arange(3, dtype=">i4"),
    ]
    path = tmp_path / "data.pkl"
    path.write_bytes(b"".join(pickle.dumps(item, protocol) for item in objects))
    for found, wanted in zip(load_all(path), objects, strict=True):
        assert np.array_equal(found, wanted)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype


def evil(tmp_path):
    mark = tmp_path / "ran"
    return {
        "system": pickle.dumps(Runs(os.system, f"touch {mark}")),
        "eval": pickle.dumps(Runs(eval, f"open({str(mark)!r}, 'w')")),
        "getattr": pickle.dumps(Runs(getattr, np.ndarray, "tofile")),
        "inside a list": pickle.dumps([1, [Runs(os.mkdir, str(mark))]]),
        "object array": pickle.dumps(np.array([Runs(os.mkdir, str(mark))], dtype=object)),
        "method of an allowed class": dotted("numpy", "ndarray.tofile"),
        "memmap": pickle.dumps(Runs(np.memmap, str(mark), "uint8", "w+", 0, 10)),
        "old protocol": b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR.",
    }


@pytest.mark.parametrize(
    "case",
    [
        "system",
        "eval",
        "getattr",
        "inside a list",
        "object array",
        "method of an allowed class",
        "memmap",
        "old protocol",
    ],
)
def test_code_is_refused_and_does_not_run(tmp_path, case):
    path = tmp_path / "evil.pkl"
    path.write_bytes(evil(tmp_path)[case])
    with pytest.raises(
        UserError, match=r"evil\.pkl: rejected, not a plain data pickle\. Received: .*(asks for|values of type)"
    ):
        list(load_all(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, 1], dtype=object),
        np.zeros(2, dtype=[("a", "f4"), ("b", "O")]),
        np.zeros(2, dtype="V8"),
        np.zeros(2, dtype="M8[s]"),
    ],
)
def test_arrays_of_anything_but_numbers_and_strings_are_refused(tmp_path, array):
    path = tmp_path / "odd.pkl"
    path.write_bytes(pickle.dumps(array))
    with pytest.raises(UserError, match=r"which are neither numbers nor strings|EMPTY_DICT, which is not an array"):
        list(load_all(path))


def test_an_array_larger_than_its_bytes_is_refused(tmp_path):
    content = pickle.dumps(np.zeros(5, np.float32), 2)
    path = tmp_path / "short.pkl"
    path.write_bytes(content.replace(b"K\x05\x85", b"K\x50\x85"))
    with pytest.raises(UserError, match="rejected"):
        list(load_all(path))


@pytest.mark.parametrize("content", [b"\x80", b"hello", pickle.dumps(np.zeros(100))[:50], b"\x80\x04N"])
def test_a_damaged_pickle_is_refused(tmp_path, content):
    path = tmp_path / "half.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="rejected"):
        list(load_all(path))


def test_missing_or_empty(tmp_path):
    (tmp_path / "empty.pkl").touch()
    with pytest.raises(UserError, match=r"empty\.pkl: is empty\."):
        list(load_all(tmp_path / "empty.pkl"))
    with pytest.raises(UserError, match="No such file"):
        list(load_all(tmp_path / "none.pkl"))


def copies(text_bytes, count):
    """Makes a pickle that converts the same text to bytes `count` times; protocol 2 writes bytes in this way."""
    text = (
        b"X" + struct.pack("<I", text_bytes) + b"x" * text_bytes + b"q\0" + b"U\6latin1q\1" + b"c_codecs\nencode\nq\2"
    )
    return b"\x80\x02" + text + b"](" + b"h\2h\0h\1\x86R" * count + b"e."


GREEDY = {
    "memo": b"N" + b"r\0\0\0\x10" + b".",
    "memo in text": b"Np268435456\n.",
    "bytes": b"B\0\0\0\x7fx.",
    "bytes of 8": b"\x8e" + struct.pack("<Q", 1 << 31) + b".",
    "bytearray": b"\x96" + struct.pack("<Q", 1 << 31) + b".",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 31) + b"N.",
    "copies": copies(1 << 20, 1500),
}


@pytest.mark.parametrize("case", GREEDY)
def test_a_few_bytes_take_little_memory(tmp_path, case):
    path = tmp_path / "greedy.pkl"
    path.write_bytes(GREEDY[case])
    program = f"""
from pathlib import Path
from common.errors import UserError
from dataset_tools.sources.safe_pickle import load_all
try:
    list(load_all(Path({str(path)!r})))
except UserError as error:
    print(error)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    said, peak = found.stdout.splitlines()
    assert "greedy.pkl: rejected" in said
    assert int(peak) < 150_000, "kB"


def test_the_attacks_work_on_plain_pickle():
    program = f"""
import pickle
try:
    print(len(pickle.loads({GREEDY["memo"]!r}) or ""))
finally:
    print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert int(found.stdout.split()[-1]) > 1_000_000, "plain pickle should take more memory (in kB)"


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(UserError, match="is not a regular file"):
        list(load_all(tmp_path / "pipe.pkl"))
