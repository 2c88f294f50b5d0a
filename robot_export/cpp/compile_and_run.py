"""Compiles a generated header with this machine's C++ compiler, and runs patches through it."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import UserError

CPP_FLAGS = ("-O2", "-march=native")  # for measuring and comparing a header during an export
RUNNER = Path(__file__).with_name("runner.cpp")
WARNINGS = ("-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Werror")


def find_compiler() -> str | None:
    """Finds the C++ compiler of this machine: c++, g++ or clang++; None if there is none."""
    return next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)


class Program:
    """A compiled header.

    Args:
        folder: for the compiled program. compiler: such as "g++". flags: such as ["-O2", "-march=native"].
        launcher: command that runs the program, such as ["qemu-aarch64"]; empty for this machine's own.

    Raises:
        UserError: the compiler refuses the header; the message contains its first error.
    """

    def __init__(
        self, header: Path, folder: Path, compiler: str, flags: Sequence[str] = ("-O2",), launcher: Sequence[str] = ()
    ):
        header = Path(header).resolve()
        self.namespace, (*self.shape, self.outputs) = _read(header)
        self.path, self.launcher = Path(folder) / f"{header.stem}.program", list(launcher)
        definitions = [f'-DHEADER="{header}"', f"-DMODEL={self.namespace}", "-DBALL_WITHOUT_SSE"]
        command = [compiler, *WARNINGS, *flags, *definitions, str(RUNNER), "-o", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:300])
            raise UserError(f"{header.name} does not compile with {compiler} {' '.join(flags)}: {said}")

    def predict(self, patches: np.ndarray, mode: str = "bytes") -> np.ndarray:
        """Computes the outputs of raw patches: uint8 [n, height, width, channels] -> float32 [n, outputs].

        mode: which function of the header to call, see cpp/runner.cpp. Raises a UserError if the program fails.
        """
        raw = np.ascontiguousarray(patches, np.uint8)
        return np.frombuffer(self._run(mode, raw.tobytes()), np.float32).reshape(len(raw), self.outputs)

    def self_test(self) -> float:
        """Returns the largest difference from the header's test vectors; raises a UserError if it is too large."""
        return float(self._run("self_test", b""))

    def times(self, patches: np.ndarray) -> dict[str, float]:
        """Measures microseconds per patch over 200 blocks of about 200 us, in one thread: {"median", "p95"}."""
        median, p95 = self._run("time", np.ascontiguousarray(patches, np.uint8).tobytes()).split()
        return {"median": float(median), "p95": float(p95)}

    def _run(self, mode: str, data: bytes) -> bytes:
        command = [*self.launcher, str(self.path), mode]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[:2000]
            raise UserError(f"{self.path.name} {mode} fails with status {done.returncode}: {said}")
        return done.stdout


def _read(header: Path) -> tuple[str, list[int]]:
    """Reads a header's namespace and [height, width, channels, number of outputs]."""
    text = header.read_text(encoding="utf-8")
    namespace = re.search(r"^namespace (\w+) \{", text, re.MULTILINE)
    constants = dict(re.findall(r"^static const int (\w+) = (\d+);", text, re.MULTILINE))
    if not namespace or "outputs" not in constants:
        raise UserError(f"not a header that this program made, or a damaged one. Received: {header}.")
    return namespace[1], [int(constants.get(name, 0)) for name in ("height", "width", "channels", "outputs")]
