"""The command line of `export.py`: what the compiler would refuse is refused before anything is read."""

import subprocess
from pathlib import Path

import pytest

from robot_export.cpp.compile_and_run import find_compiler
from robot_export.options import export_parser

FREE = ("ours", "ball_classifier", "Net2", "NET", "final", "detail", "predict", "int_16")
LIBRARY = ("exp", "y1", "memcpy", "index", "lgamma_r", "int8_t", "size_t")


def parse(name: str) -> str:
    return export_parser("").parse_args(["--namespace", name, str(Path(__file__).parent)]).namespace


@pytest.mark.parametrize("name", ["class", "int", "and", "not_eq", "co_await", "std", "main", "ball", *LIBRARY])
def test_a_name_that_is_reserved_in_cpp_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        parse(name)
    assert f"--namespace: {name} is reserved in C++. Choose another name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a__b", "_Ball", "__ball", "ball_", "2balls", "a-b", "a::b", "", "bäll"])
def test_a_name_with_other_characters_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        parse(name)
    assert "must consist of letters, digits and single underscores" in capsys.readouterr().err


@pytest.mark.parametrize("name", FREE)
def test_other_names_are_free(name):
    assert parse(name) == name


@pytest.mark.skipif(not find_compiler(), reason="no C++ compiler is installed")
@pytest.mark.parametrize("name", ["class", "and", *LIBRARY, *FREE])
def test_the_compiler_agrees(name):
    code = f"#include <cmath>\n#include <cstdint>\n#include <cstring>\nnamespace {name} {{}}\n"
    command = [find_compiler(), "-std=c++11", "-fsyntax-only", "-xc++", "-"]
    done = subprocess.run(command, input=code, text=True, capture_output=True, check=False)
    assert (done.returncode == 0) is (name in FREE)
