"""Where built files are, what is in them, and how long to wait for them."""

import time
from pathlib import Path

from common.datasets.families import DEFAULT_STEMS, Family, parse_stem
from common.datasets.patch_file import read_patches

ROOT = Path(__file__).resolve().parents[2]
ALL = ["--size", "16", "32", "--camera", "combined", "top", "bottom", "--color", "yuv422_pil", "yuv422_y_only_pil"]


def family(task="classification", **change):
    default = parse_stem(DEFAULT_STEMS[task], task)
    return Family(**{**{name: getattr(default, name) for name in default.__dataclass_fields__}, **change})


def load(output, part, chosen=None):
    chosen = chosen or family()
    return read_patches(output / chosen.file(part), chosen.task)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def wait_for(condition, process):
    """What `condition` returns, as soon as it is true of the running process."""
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "the process never came that far"
        assert process.poll() is None
        time.sleep(0.005)
    return found
