"""The processes that share the work reuse their memory."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from dataset_tools.building.workers import keep_memory
{begin}
def pictures(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        blocks = [bytearray(b"x" * 1_000_000) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pictures(3)
print(pictures(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep memory by other rules")
def test_memory_of_a_picture_is_there_for_the_next_one():
    def faults(begin):
        found = subprocess.run([sys.executable, "-c", FAULTS.format(begin=begin)], stdout=subprocess.PIPE, check=True)
        return int(found.stdout)

    assert faults("keep_memory()") < 200 < faults("")
