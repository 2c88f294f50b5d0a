"""Checks that the code in the model card runs as printed: in Python, and in C++ with the header."""

import re
import subprocess
from dataclasses import replace

from robot_export import snippets
from robot_export.cpp.compile_and_run import WARNINGS
from robot_export.formats import CHOICES
from robot_export.make_and_check import deliver

from .cpp.headers import COMPILER, needs_compiler
from .jobs import make_job


def run_python(folder, monkeypatch) -> int:
    """Runs the Python code of the card in the folder; returns the number of code blocks."""
    monkeypatch.chdir(folder)
    card = (folder / "README.md").read_text()
    blocks = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    for code in blocks:
        exec(compile(code, "card", "exec"), {})
    return len(blocks)


def test_the_python_code_of_the_card_runs(delivered, monkeypatch):
    assert run_python(delivered[0], monkeypatch) == 3
    assert "# RAW 0..255" in (delivered[0] / "README.md").read_text()


def test_the_python_code_of_the_card_for_normalised_values_runs(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32", "onnx"))
    deliver(make_job(tmp_path, "classifier", normalised=True))
    assert run_python(tmp_path, monkeypatch) == 3
    assert "# NORMALISED" in (tmp_path / "README.md").read_text()


@needs_compiler
def test_the_cpp_code_of_the_card_runs(delivered, tmp_path):
    """Runs only the code for the header, because the packages of TFLite and ONNX Runtime contain no C++ headers."""
    folder, _, told = delivered
    (code,) = re.findall(r"```cpp\n(.*?)```", snippets.loading(told), re.DOTALL)
    (tmp_path / "card.cpp").write_text(f"{code}\nint main() {{ return right ? 0 : 1; }}\n")
    command = [COMPILER, *WARNINGS, "-O1", "-DBALL_WITHOUT_SSE", "-I", folder, tmp_path / "card.cpp"]
    subprocess.run([*command, "-o", tmp_path / "program"], check=True)
    subprocess.run([tmp_path / "program"], check=True)


def test_only_files_that_were_exported_are_shown(classifier):
    formats = classifier[2].formats
    for name, title in (
        ("onnx", "Python, ONNX Runtime"),
        ("float32", "Python, LiteRT"),
        ("cpp", "C++, the fastest format"),
    ):
        left = {other: file for other, file in formats.items() if other != name}
        assert title in snippets.loading(classifier[2])
        assert title not in snippets.loading(replace(classifier[2], formats=left))
