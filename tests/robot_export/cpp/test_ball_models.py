"""Tests the code that robot programmers copy: headers for both models, the header for NaoTH, and docs/cpp_header.md."""

import platform
import re
import shutil
import subprocess

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import WARNINGS
from robot_export.cpp.float_header import PARTS, About
from robot_export.cpp.float_header import write as write_header
from robot_export.folded_network import fold

from ...tiny import ROOT
from ..models import patches, random_model
from .headers import COMPILER, needs_compiler
from .reference import forward

pytestmark = needs_compiler
NAMES = {"ball_classifier.h": "ball_classifier", "ball_detector.h": "ball_detector"}
PAGE = ROOT / "docs" / "cpp_header.md"
FACTS = {"input_range": "raw", "input_mean": "0.4", "sampling_rule": "centres", "git_commit": "none"}


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    """Creates a folder with the headers as in docs/cpp_header.md; returns the folder, patches, and both networks."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(PARTS / "ball_models.h", folder)
    X, networks = patches(3, 40, (16, 16, 1)), []
    for (file, name), head in zip(NAMES.items(), ("sigmoid", "linear"), strict=True):
        network = fold(random_model(5, head=head))
        answers = forward(network, X)
        threshold = float(np.float32(np.median(answers))) if head == "sigmoid" else None
        write_header(folder / file, network, About(name, X[:8], answers[:8], threshold, FACTS))
        networks.append(network)
    return folder, X, networks


def compiled(folder, code, output, *flags):
    command = [COMPILER, *WARNINGS, "-O1", "-DBALL_WITHOUT_SSE", *flags, "-I", folder, code, "-o", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:2000]
    return output


def test_both_models_behind_one_interface(robot, tmp_path):
    folder, X, (classifier, detector) = robot
    program = compiled(folder, ROOT / "tests/robot_export/cpp/ball_models_main.cpp", tmp_path / "program")
    middle = float(np.median(forward(classifier, X)))
    for layout, offset, start in (("rows", 0, 0), ("columns", 0, 0), ("wide", 0.1, 0), ("columns", 0, middle)):
        command = [program, layout, str(offset), f"{np.float32(start):.9g}"]
        said = subprocess.run(command, input=X.tobytes(), capture_output=True, check=True).stdout
        found = np.frombuffer(said, np.float32).reshape(-1, 4)
        wanted = np.concatenate([forward(network, X + 255.0 * offset) for network in (classifier, detector)], axis=1)
        if start:
            assert np.any(found[:, 0] < start)
            assert np.any(found[:, 0] >= start)
            wanted[found[:, 0] < start, 1:] = 0.5  # for these patches, the detector is not called
        np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5, err_msg=str(command))


@pytest.mark.parametrize(("offset", "threshold"), [(0.0, "theirs"), (0.1, "theirs"), (0.0, "own")])
def test_the_finder_for_naoth(robot, tmp_path, offset, threshold):
    """Uses declarations that resemble those of NaoTH: a pixel has five bytes, and pixels are stored by column."""
    folder, X, (classifier, detector) = robot
    shutil.copy(PARTS / "naoth_finder.h", tmp_path)
    (tmp_path / "AbstractCNNClassifier.h").touch()
    code = ROOT / "tests/robot_export/cpp/naoth_main.cpp"
    program = compiled(folder, code, tmp_path / "program", "-I", tmp_path)
    done = subprocess.run([program, str(offset), threshold], input=X.tobytes(), capture_output=True, check=True)
    assert done.stderr == b"NaothFinder: a patch has 2 rows, but the models take 16\n"
    found = np.frombuffer(done.stdout, np.float64).reshape(-1, 4)
    wanted = np.concatenate([forward(network, X - 255.0 * offset) for network in (classifier, detector)], axis=1)
    if threshold == "own":
        chosen = np.median(forward(classifier, X))
        np.testing.assert_array_equal(found[:, 0] >= 0.5, wanted[:, 0] >= np.float32(chosen))
        assert (np.argsort(found[:, 0]) == np.argsort(wanted[:, 0])).all()
    else:
        np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5)


def test_two_models_in_two_source_files_can_share_a_binary(robot, tmp_path):
    """The source files are compiled with different flags, so the linker must not merge any part of a header."""
    folder, X, (classifier, detector) = robot
    for name, network in (("ball_first", classifier), ("ball_second", detector)):
        about = About(name, X[:8], forward(network, X[:8]), 0.5 if name == "ball_first" else None)
        write_header(tmp_path / f"{name}.h", network, about)
    code = "".join(f'#include "{name}.h"\n' for name in ("ball_first", "ball_second", "ball_models"))
    code += "extern bool {0}();\nbool {0}() {{\n"
    code += "  return ball_first::self_test() && ball_second::self_test() && ball::Finder::self_test();\n}}\n"
    objects = []
    for name, flags in (("one", ["-O0", "-DBALL_WITHOUT_SSE"]), ("two", ["-O1", "-march=native"])):
        (tmp_path / f"{name}.cpp").write_text(code.format(name))
        objects.append(compiled(folder, tmp_path / f"{name}.cpp", tmp_path / f"{name}.o", "-c", "-I", tmp_path, *flags))
        said = subprocess.run(["nm", "-C", objects[-1]], capture_output=True, text=True, check=True).stdout
        assert not re.findall(r"^\w+ [VW] .*ball.*$", said, re.MULTILINE)  # the linker would merge weak symbols
    (tmp_path / "main.cpp").write_text("bool one();\nbool two();\nint main() { return one() && two() ? 0 : 1; }\n")
    subprocess.run([compiled(folder, tmp_path / "main.cpp", tmp_path / "program", *objects)], check=True)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_build_without_sse_warns(robot, tmp_path, compiler):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("not a PC")
    command = [compiler, "-std=c++11", "-fsyntax-only", "-march=x86-64", "-x", "c++", robot[0] / "ball_classifier.h"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "ball model without SSE4.1, slow" in said
    said = subprocess.run([*command, "-DBALL_WITHOUT_SSE"], capture_output=True, text=True, check=True).stderr
    assert "SSE4.1" not in said


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_no_language_standard_gives_warnings(robot, tmp_path, compiler, standard):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    for target in (["-march=silvermont"], ["-march=x86-64-v3"], ["-march=x86-64-v4"], ["-DBALL_WITHOUT_SSE"]):
        code = tmp_path / "all.cpp"
        code.write_text('#include "ball_models.h"\nint main() { return ball::Finder::self_test() ? 0 : 1; }\n')
        command = [compiler, *WARNINGS, f"-std={standard}", *target, "-fsyntax-only", "-I", robot[0], code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


MAIN = """
#include <cstdint>
#include <cstdlib>

// A picture whose pixels encode their positions, and the values that the robot's rule has to read from it.
int main() {
  static unsigned char image[2 * 64 * 48];
  for (int i = 0; i < 64 * 48; ++i) image[2 * i] = static_cast<unsigned char>(i % 64 + 3 * (i / 64));
  const Candidate candidate = {5, 7, 29};
  const Circle circle = lookAt(image, 64, candidate, 0.1f);
  std::uint8_t patch[ball::bytes], turned[ball::bytes];
  float floats[ball::bytes];
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const int column = static_cast<int>((x + 0.5) * 29 / 16 + 0.5), row = static_cast<int>((y + 0.5) * 29 / 16 + 0.5);
      const int place = 64 * (7 + (row < 28 ? row : 28)) + 5 + (column < 28 ? column : 28);
      floats[16 * y + x] = patch[16 * y + x] = turned[16 * x + y] = image[2 * place];
    }
  }
  const float wanted = ball_detector::predict(patch, 16, 0.1f).radius * 29;
  const std::uint8_t* const patches[] = {patch, patch};
  float confidences[2];
  classify(patches, 2, 16, confidences);
  tell();
  const bool ball = confidences[1] >= ball_classifier::threshold;
  const float radius = ball_detector::predict(patch).radius;
  const bool same = circle.radius == wanted && isBall(turned) == ball && std::fabs(radiusOf(floats) - radius) < 1e-5f;
  return modelsAreRight() && same ? 0 : 1;
}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_code_in_the_documentation_works(robot, tmp_path):
    code = tmp_path / "ball_detection.cpp"
    code.write_text("\n".join(blocks("cpp")) + MAIN)
    program = compiled(robot[0], code, tmp_path / "program")
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    shown = r"ball_classifier, 16x16x1, raw, mean 0.4, centres, threshold 0\.\d{3}, commit none\n"
    assert re.fullmatch(shown, said)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake on this machine")
def test_the_cmake_lines_in_the_documentation_work(robot, tmp_path):
    (lines,) = blocks("cmake")
    shutil.copytree(robot[0], tmp_path / "models")
    (tmp_path / "ball_detection.cpp").write_text("\n".join(blocks("cpp")) + MAIN)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(robot CXX)\nset(CMAKE_CXX_STANDARD 11)\n"
        f"add_executable(vision ball_detection.cpp)\n{lines}"
    )
    for command in (["cmake", "-B", "build"], ["cmake", "--build", "build", "-v"]):
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "-O3 -march=silvermont" in said
    subprocess.run([tmp_path / "build" / "vision"], capture_output=True, check=True)
