"""Damaged checkpoints are refused before they can fill the memory."""

import resource
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from common.training import epochs_and_checkpoints
from common.training.epochs_and_checkpoints import fit


def test_an_array_that_declares_more_than_the_file_holds_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, state0000=np.zeros(500))
    with zipfile.ZipFile(path, "a") as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,), }".ljust(117) + b"\n"
        archive.writestr("state9999.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"checkpoint\.npz cannot be resumed.*reading array data"):
        epochs_and_checkpoints._restore(SimpleNamespace(), path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB, of 2 GB


def test_an_array_that_unpacks_to_more_than_the_file_is_refused_before_it_is_read(tmp_path):
    np.savez_compressed(tmp_path / "checkpoint.npz", state0000=np.zeros(10**6))
    with pytest.raises(UserError, match=r"checkpoint\.npz cannot be resumed.*unpacks to more"):
        epochs_and_checkpoints._restore(SimpleNamespace(), tmp_path / "checkpoint.npz")


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_a_damaged_checkpoint_gives_one_clear_line(tmp_path, keep):
    whole = tmp_path / "whole.npz"
    np.savez(whole, state0000=np.zeros(500), best0000=np.zeros(500), history=np.array("{}"))
    (tmp_path / "checkpoint.npz").write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"checkpoint\.npz.*cannot be resumed"):
        fit(None, dict, tmp_path, print, bool)
