"""Finds and loads built patch files, and waits until a condition is true."""

import time
from pathlib import Path

from common.datasets.families import DEFAULT_STEMS, Family, parse_stem
from common.datasets.patch_file import concatenate, read_patches

ROOT = Path(__file__).resolve().parents[2]
ALL = ["--size", "16", "32", "--camera", "combined", "top", "bottom", "--color", "yuv422_pil", "yuv422_y_only_pil"]


def family(task="classification", **change):
    default = parse_stem(DEFAULT_STEMS[task], task)
    return Family(**{**{name: getattr(default, name) for name in default.__dataclass_fields__}, **change})


def load(output, part, chosen=None):
    chosen = chosen or family()
    return read_patches(output / chosen.file(part), chosen.task)


def joined(output, task="classification"):
    """Returns the patches of the default family, from every split that has a file."""
    chosen = family(task)
    parts = ("train", "validation", "test")
    return concatenate([load(output, part, chosen) for part in parts if (output / chosen.file(part)).exists()])


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def wait_for(condition, process):
    """Waits until `condition()` is true, and returns its value; fails if the process ends before that."""
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "the process did not get that far"
        assert process.poll() is None
        time.sleep(0.005)
    return found
