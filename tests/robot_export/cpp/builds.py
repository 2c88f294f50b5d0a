"""Lists the ways in which the tests compile and run a header, and checks whether this machine supports them."""

import itertools
import shutil
from dataclasses import dataclass

import pytest

COMPILERS = ("g++", "clang++")
LEVELS = ("-O0", "-O2", "-O3", "-Os")
TARGETS = ("silvermont", "native", "x86-64-v3")
PORTABLE = "-DPORTABLE"  # without GNU extensions and without vectors
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
NEON = "aarch64-linux-gnu-g++"
QEMU = ("qemu-aarch64",)
VALGRIND = ("valgrind", "--quiet", "--error-exitcode=9")


@dataclass(frozen=True)
class Build:
    """A way to compile and run a header; the fields are arguments of `Program`."""

    compiler: str
    flags: tuple[str, ...]
    launcher: tuple[str, ...] = ()

    def __str__(self):
        return " ".join((*self.launcher[:1], self.compiler, *self.flags))

    def require(self) -> None:
        """Skips the test if a program is missing; the reason names the program."""
        for name in (self.compiler, *self.launcher[:1]):
            if not shutil.which(name):
                pytest.skip(f"{name} is not installed")


PLAIN = [
    Build(compiler, (level, f"-march={target}"))
    for compiler, level, target in itertools.product(COMPILERS, LEVELS, TARGETS)
]
SANITIZED = [Build(build.compiler, (*build.flags, *SANITIZERS)) for build in PLAIN]
OTHERS = [
    *(Build(compiler, ("-O2",)) for compiler in COMPILERS),  # x86-64 without SSE4.1: only plain vector extensions
    *(Build(compiler, ("-O2", PORTABLE)) for compiler in COMPILERS),
    *(Build(NEON, (level, "-static"), QEMU) for level in LEVELS),
    *(Build(compiler, ("-O2", "-g", "-march=x86-64-v3"), VALGRIND) for compiler in COMPILERS),
    *(Build(compiler, ("-O2", "-g", "-march=silvermont"), VALGRIND) for compiler in COMPILERS),
]
SSSE3 = Build("g++", ("-O2", "-mssse3"))
FEW = {  # for the fast tests: together, these builds use every compiler and every vector width
    "classifier": [Build("g++", ("-O1", "-march=silvermont")), Build("clang++", ("-O1", "-march=native"))],
    "detector": [
        Build("g++", ("-O1", "-march=native")),
        Build("clang++", ("-O1",)),
        Build("g++", ("-O1", PORTABLE)),
    ],
}
