"""Estimates how many cycles a call takes on another processor: llvm-mca simulates a trace of its instructions.

The program runs under qemu, which logs the address of every instruction. llvm-mca simulates the instructions between
the entry and the return of one function as straight-line code: it assumes that all branches are predicted correctly and
all memory is in the first-level cache.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Describes how to compile, run and simulate programs for a processor."""

    compiler: tuple[str, ...]
    objdump: str
    qemu: tuple[str, ...]
    mca: tuple[str, ...]
    comment: str


SILVERMONT = Machine(  # the NAO's Atom E3845
    ("g++", "-std=c++11", "-O3", "-march=silvermont", "-static", "-no-pie"),
    "objdump",
    ("qemu-x86_64", "-cpu", "Nehalem,+movbe"),
    ("llvm-mca", "-mtriple=x86_64", "-mcpu=silvermont"),
    "#",
)
CORTEX_A78 = Machine(  # of a Jetson Orin
    ("aarch64-linux-gnu-g++", "-std=c++11", "-O3", "-mcpu=cortex-a78", "-static", "-no-pie"),
    "aarch64-linux-gnu-objdump",
    ("qemu-aarch64", "-cpu", "max"),
    ("llvm-mca", "-mtriple=aarch64", "-mcpu=cortex-a78", "-mattr=+all"),
    "//",
)


def simulate(machine: Machine, program: Path, function: str, arguments: Sequence[str] = ()) -> dict[str, int]:
    """Returns {"instructions", "cycles", "cycles_in_order"} for the last call of a function.

    The function must be extern "C" and not inlined. For "cycles", a load may be executed before earlier stores;
    for "cycles_in_order", it may not.
    """
    code, start = _disassembly(machine, program, function)
    trace = program.with_suffix(".trace")
    log = ("-singlestep", "-d", "exec,nochain", "-D", trace)
    subprocess.run([*machine.qemu, *log, program, *arguments], check=True)
    called = _last_call(trace, start, code, machine)
    trace.unlink()
    source = program.with_suffix(".mca.s")
    source.write_text("\n".join(_plain(code[address], machine.comment) for address in called) + "\n")
    counts = {"instructions": len(called)}
    for name, alias in (("cycles", "-noalias=true"), ("cycles_in_order", "-noalias=false")):
        command = [*machine.mca, "-iterations=1", "-instruction-info=false", "-resource-pressure=false", alias, source]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        counts[name] = int(re.search(r"Total Cycles:\s+(\d+)", said)[1])
    return counts


def _disassembly(machine: Machine, program: Path, function: str) -> tuple[dict[int, str], int]:
    """Returns a dictionary that maps addresses to instructions, and the address of the function."""
    command = [machine.objdump, "-d", "--no-show-raw-insn", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code = {int(at, 16): text for at, text in re.findall(r"^\s+([0-9a-f]+):\s+(.*)$", said, re.MULTILINE)}
    return code, int(re.search(rf"^([0-9a-f]+) <{function}>:", said, re.MULTILINE)[1], 16)


def _last_call(trace: Path, start: int, code: dict[int, str], machine: Machine) -> list[int]:
    """Returns the addresses of all instructions that the last call of the function executed."""
    called, depth = [], 0
    with trace.open() as lines:
        for line in lines:
            found = re.match(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", line)
            address = int(found[1], 16) if found else -1
            if address == start:
                called, depth = [], 1
            if depth and address in code:
                called.append(address)
                word = code[address].split()[0]
                depth += (word in ("call", "bl", "blr")) - (word == "ret")
    return called


def _plain(text: str, comment: str) -> str:
    """Rewrites an instruction for the assembler: removes comments, and writes jump targets as numbers."""
    return re.sub(r"\s*<[^>]*>", "", text.split(comment)[0]).strip() if comment == "//" else _x86(text)


def _x86(text: str) -> str:
    text = re.sub(r"\s*<[^>]*>", "", text.split("#")[0]).strip()
    if text.startswith("rep stos"):  # simulated as one store, because llvm-mca would count 100 cycles for it
        return "mov %rax,(%rdi)"
    return re.sub(r"^(j\w+|call)\s+([0-9a-f]+)$", r"\1 0x\2", text)
