"""One line says why a GPU is not used. Here, a small library with the same functions replaces the GPU's driver."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.training import gpu_check
from common.training.gpu_check import Driver, Needs

from ...tiny import ROOT, environment

DRIVER = """
#include <string.h>
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = 40 + index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "NVIDIA Test 1", length); return device != 40; }
int cuDeviceGetAttribute(int *value, int what, int device) { *value = what == 75 ? 7 : what == 76 ? 5 : -1; return 0; }
int cuGetErrorName(int status, const char **name) {
  *name = status == 100 ? "CUDA_ERROR_NO_DEVICE" : 0;
  return *name ? 0 : 1;
}
"""

TENSORFLOW = Needs("2.21.0", cuda=(12, 5), capability=(6, 0), libraries=True)
NO_LIBRARIES = Needs("2.21.0", cuda=(12, 5), capability=(6, 0), libraries=False)


A100 = ("NVIDIA A100", (8, 0))


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def driver_library(tmp_path):
    """Returns a function that compiles a fake driver.

    Its arguments are the CUDA version, encoded as drivers do, and the status that cuInit returns.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler here")

    def build(version: int, init: int = 0) -> str:
        library = tmp_path / f"libcuda-{version}-{init}.so"
        command = [
            compiler,
            "-shared",
            "-fPIC",
            f"-DVERSION={version}",
            f"-DINIT={init}",
            "-x",
            "c",
            "-",
            "-o",
            library,
        ]
        subprocess.run(command, input=DRIVER, text=True, check=True)
        return str(library)

    return build


def test_the_driver_reports_its_version_and_devices(driver_library):
    assert gpu_check.ask_driver(driver_library(12040)) == Driver((12, 4), devices=(("NVIDIA Test 1", (7, 5)),))


@pytest.mark.parametrize(("status", "words"), [(100, "CUDA_ERROR_NO_DEVICE (100)"), (4711, "error 4711")])
def test_a_driver_that_does_not_start_says_why(driver_library, status, words):
    assert gpu_check.ask_driver(driver_library(11040, status)) == Driver((11, 4), words)


def test_no_driver():
    assert gpu_check.ask_driver("libno-such-driver.so.1") is None


@pytest.mark.parametrize("version", [None, 11040, 13000], ids=["none", "old", "without CUDA's libraries"])
def test_require_gpu_ends_the_run_before_any_data_is_read(tmp_path, driver_library, version):
    if gpu_check.ask_driver() is not None or gpu_check.needs().libraries:
        pytest.skip("there is an NVIDIA driver here, or CUDA")
    words = "no NVIDIA driver is visible"
    if version:
        Path(driver_library(version)).rename(tmp_path / "libcuda.so.1")
        words = "the NVIDIA driver is too old" if version == 11040 else "CUDA's libraries were not"
    command = [sys.executable, "-m", "classifier_cnn.train", "--require-gpu", "--dataset", "synthetic", "--tracking"]
    ended = subprocess.run(
        [*command, "local", "--data-root", tmp_path / "data", "--output-dir", tmp_path / "runs"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment() | {"LD_LIBRARY_PATH": str(tmp_path)},
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: --require-gpu, but")
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob("runs/*/"))


def test_what_tensorflow_needs():
    needs = gpu_check.needs()
    assert needs.cuda >= (12, 0)
    assert (5, 0) <= needs.capability <= (9, 0)
    assert needs.cuda[0] in gpu_check.OLDEST_DRIVER
    lock = (ROOT / "requirements-gpu.lock").read_text(encoding="utf-8")
    assert f"{gpu_check.CUDA_LIBRARIES}==" in lock  # the package that distinguishes a GPU image from a CPU image
    assert f"{gpu_check.CUDA_LIBRARIES}==" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert gpu_check.CUDA_LIBRARIES.endswith(f"cu{needs.cuda[0]}")


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
        (Driver((12, 4)), TENSORFLOW, 0, "finds no GPU: it shows none"),
        (
            Driver((12, 4), devices=(A100,)),
            NO_LIBRARIES,
            0,
            "A100 was found, but CUDA's libraries were not.*ACCELERATOR=gpu",
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
    line = gpu_check.trouble(driver, needs, bool(seen))
    assert "\n" not in line
    assert re.search(words, line), line


@pytest.mark.parametrize(
    ("driver", "needs", "seen"),
    [
        (None, NO_LIBRARIES, 0),  # a laptop without a GPU
        (Driver((12, 4), devices=(A100,)), TENSORFLOW, 1),
        (Driver((13, 0), devices=(A100,)), TENSORFLOW, 1),  # a newer driver also runs programs built for an older CUDA
        (Driver((12, 0), devices=(("GTX 980", (5, 2)), A100)), TENSORFLOW, 1),  # TensorFlow uses the second GPU
        (Driver((12, 4), devices=(A100,)), NO_LIBRARIES, 1),  # CUDA is installed in a place that we do not check
    ],
)
def test_nothing_is_printed_if_all_is_well(driver, needs, seen):
    assert gpu_check.trouble(driver, needs, bool(seen)) is None


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_hidden_on_purpose_is_not_mentioned(monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert gpu_check.trouble(Driver((12, 4), "CUDA_ERROR_NO_DEVICE (100)"), TENSORFLOW, False) is None


def test_an_index_that_hides_every_gpu_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    line = gpu_check.trouble(Driver((12, 4), "CUDA_ERROR_NO_DEVICE (100)"), TENSORFLOW, False)
    assert "CUDA_VISIBLE_DEVICES is '7'" in line
