"""Ctrl-C and SIGTERM take effect only after a block that must not be interrupted, such as importing TensorFlow."""

import signal
import subprocess
import sys
import threading

import pytest

from common.cli.stop_request import uninterrupted

from ...tiny import ROOT

IMPORTS = """
import os, signal, sys
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr

class Wraps:  # as in the import of Matplotlib: Python replaces an error in __set_name__ with a RuntimeError
    def __set_name__(self, owner, name):
        os.write(2, b"a log line in C++\\n")
        signal.raise_signal({number})

def main():
    with quiet_stderr():
        type("Imported", (), {{"wraps": Wraps()}})
    print("not reached")

sys.exit(run_main(main))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_an_import_prints_one_line(number, status):
    command = [sys.executable, "-c", IMPORTS.format(number=int(number))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "interrupted\n", status)


def test_a_signal_waits_until_the_block_ends():
    done = []

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_delayed_signal_is_delivered_even_if_the_block_fails():
    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            raise ValueError

    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("the second signal was delivered"))
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_only_the_main_thread_can_delay_signals():
    done = []

    def work():
        with uninterrupted():
            done.append("block")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["block"]
