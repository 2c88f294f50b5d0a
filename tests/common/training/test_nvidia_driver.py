"""The driver lists its GPUs. Instead of a driver, the tests use a small library with the same functions."""

import shutil
import subprocess
import sys

import pytest

from common.training import nvidia_driver
from common.training.nvidia_driver import Driver

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


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def driver_library(tmp_path):
    """A function that compiles a driver with a CUDA version (in the driver's own coding) and a status for cuInit."""
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


def test_the_driver_tells_its_version_and_devices(driver_library):
    assert nvidia_driver.ask_driver(driver_library(12040)) == Driver((12, 4), devices=(("NVIDIA Test 1", (7, 5)),))


@pytest.mark.parametrize(("status", "words"), [(100, "CUDA_ERROR_NO_DEVICE (100)"), (4711, "error 4711")])
def test_a_driver_that_does_not_start_says_why(driver_library, status, words):
    assert nvidia_driver.ask_driver(driver_library(11040, status)) == Driver((11, 4), words)


def test_no_driver():
    assert nvidia_driver.ask_driver("libno-such-driver.so.1") is None


def test_require_gpu_ends_before_any_data_is_read(tmp_path):
    if nvidia_driver.ask_driver() is not None:
        pytest.skip("there is an NVIDIA driver here")
    command = [sys.executable, "-m", "classifier_cnn.train", "--require-gpu", "--dataset", "synthetic", "--tracking"]
    ended = subprocess.run(
        [*command, "local", "--data-root", tmp_path / "data", "--output-dir", tmp_path / "runs"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: --require-gpu, but")
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob("runs/*/"))
