"""Checks that a trace contains the instructions of one call, and that llvm-mca counts their cycles."""

import shutil
import subprocess

import pytest

from benchmarks.cycles import CORTEX_A78, SILVERMONT, simulate

CODE = """
extern "C" __attribute__((noinline)) long once(long n) {
  for (long i = 0; i < n; ++i) __asm__ volatile(".rept 10\\nnop\\n.endr");
  return n;
}
int main() { return once(3) + once(20) == 23 ? 0 : 1; }
"""


@pytest.mark.parametrize("machine", [SILVERMONT, CORTEX_A78], ids=["silvermont", "cortex-a78"])
def test_the_last_call_is_counted(tmp_path, machine):
    for tool in (machine.compiler[0], machine.qemu[0], machine.mca[0], machine.objdump):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    (tmp_path / "code.cpp").write_text(CODE)
    program = tmp_path / "program"
    subprocess.run([*machine.compiler, tmp_path / "code.cpp", "-o", program], check=True)
    found = simulate(machine, program, "once")
    assert 200 < found["instructions"] < 300
    assert found["instructions"] / 4 < found["cycles"] <= found["cycles_in_order"] < 2 * found["instructions"]
