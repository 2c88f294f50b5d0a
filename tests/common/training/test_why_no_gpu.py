"""The reasons why a GPU is not used, in one line."""

import re

import pytest

from common.training import why_no_gpu
from common.training.nvidia_driver import Driver
from common.training.why_no_gpu import Needs

from ...tiny import ROOT

TENSORFLOW = Needs("2.21.0", cuda=(12, 5), capability=(6, 0), libraries=True)
NO_LIBRARIES = Needs("2.21.0", cuda=(12, 5), capability=(6, 0), libraries=False)


A100 = ("NVIDIA A100", (8, 0))


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_what_tensorflow_needs():
    needs = why_no_gpu.needs()
    assert needs.cuda >= (12, 0)
    assert (5, 0) <= needs.capability <= (9, 0)
    assert needs.cuda[0] in why_no_gpu.OLDEST_DRIVER
    lock = (ROOT / "requirements-gpu.lock").read_text(encoding="utf-8")
    assert f"{why_no_gpu.CUDA_LIBRARIES}==" in lock  # the package that distinguishes a GPU image from a CPU image
    assert f"{why_no_gpu.CUDA_LIBRARIES}==" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert why_no_gpu.CUDA_LIBRARIES.endswith(f"cu{needs.cuda[0]}")


@pytest.mark.parametrize(
    ("driver", "needs", "seen", "words"),
    [
        (None, TENSORFLOW, 0, "no NVIDIA driver is visible.*--gpus all"),
        (
            Driver((11, 4), devices=(A100,)),
            TENSORFLOW,
            1,
            r"too old: it runs CUDA 11\.4, .* 12\.x\. Install driver 525",
        ),
        (Driver((12, 4), "CUDA_ERROR_NO_DEVICE (100)"), TENSORFLOW, 0, r"no GPU: CUDA_ERROR_NO_DEVICE \(100\)"),
        (Driver((12, 4)), TENSORFLOW, 0, "gives no GPU: it shows none"),
        (
            Driver((12, 4), devices=(A100,)),
            NO_LIBRARIES,
            0,
            "A100 is there, but CUDA's libraries are not.*ACCELERATOR=gpu",
        ),
        (
            Driver((12, 4), devices=(("GTX 980", (5, 2)),)),
            TENSORFLOW,
            0,
            r"GTX 980 is too old: .* is 5\.2; .* needs 6\.0",
        ),
        (Driver((12, 4), devices=(A100,)), TENSORFLOW, 0, "does not use NVIDIA A100"),
    ],
)
def test_one_line_says_what_is_wrong(driver, needs, seen, words):
    line = why_no_gpu.trouble(driver, needs, seen)
    assert "\n" not in line
    assert re.search(words, line), line


@pytest.mark.parametrize(
    ("driver", "needs", "seen"),
    [
        (None, NO_LIBRARIES, 0),  # a laptop without a GPU
        (Driver((12, 4), devices=(A100,)), TENSORFLOW, 1),
        (Driver((13, 0), devices=(A100,)), TENSORFLOW, 1),  # a newer driver runs older programs
        (Driver((12, 0), devices=(("GTX 980", (5, 2)), A100)), TENSORFLOW, 1),  # TensorFlow uses the second one
        (Driver((12, 4), devices=(A100,)), NO_LIBRARIES, 1),  # CUDA installed by other means
    ],
)
def test_nothing_is_printed_if_all_is_well(driver, needs, seen):
    assert why_no_gpu.trouble(driver, needs, seen) is None


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_hidden_on_purpose_is_not_mentioned(monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert why_no_gpu.trouble(Driver((12, 4), "CUDA_ERROR_NO_DEVICE (100)"), TENSORFLOW, 0) is None


def test_an_index_that_hides_every_gpu_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    line = why_no_gpu.trouble(Driver((12, 4), "CUDA_ERROR_NO_DEVICE (100)"), TENSORFLOW, 0)
    assert "CUDA_VISIBLE_DEVICES is '7'" in line


def test_a_convolution_finds_a_device_that_does_not_compute():
    assert why_no_gpu.computing_fails("CPU:0") is None
    assert "GPU:0 does not compute" in why_no_gpu.computing_fails("GPU:0")
