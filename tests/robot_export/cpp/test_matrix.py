"""Checks the float and int16 headers of many models with all compilers, targets and sanitisers, NEON and valgrind."""

import numpy as np
import pytest

from common.datasets.patch_file import read_patches
from dataset_tools.synthetic.render_files import synthetic_files
from robot_export.cpp.compile_and_run import Program
from robot_export.folded_network import fold

from ..models import patches, random_model
from .builds import COMPILERS, NEON, OTHERS, PLAIN, QEMU, SANITIZED, SSSE3, TARGETS, Build
from .headers import MODELS, MODES, check_bits, write_float, write_int16

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
KINDS = {
    "classification": {"filters": (8, 8, 16, 16), "dense": 64},
    "detection": {"head": "linear", "filters": (5, 8, 9, 3), "dense": 10, "channels": 2, "side": 32},
}
MODELS_PER_TEST = 20


@pytest.fixture(scope="module", params=KINDS)
def member(request, tmp_path_factory):
    """Returns a header, the validation split of a synthetic dataset, and the outputs of Keras for this split."""
    folder = tmp_path_factory.mktemp(request.param)
    model = random_model(7, **KINDS[request.param])
    side, channels = model.input_shape[1], model.input_shape[3]
    counts = {"train": 2, "validation": {"classification": 4000, "detection": 3000}[request.param], "test": 2}
    files = synthetic_files(request.param, folder, size=side, channels=channels, counts=counts)
    X = read_patches(files["validation"], request.param).X[:]
    answers = np.concatenate([model(part.astype(np.float32)).numpy() for part in np.array_split(X, 10)])
    assert np.ptp(answers) > 0.1
    return write_float(folder, fold(model), patches(8, 8, model.input_shape[1:])), X, answers


def check(program, X, answers, mode="bytes"):
    np.testing.assert_allclose(program.predict(X, mode), answers, atol=1e-5, rtol=1e-5, err_msg=mode)


@pytest.mark.parametrize("build", PLAIN, ids=str)
def test_whole_validation_split(tmp_path, member, build):
    build.require()
    header, X, answers = member
    program = Program(header, tmp_path, build.compiler, build.flags)
    assert program.self_test() < 1e-5
    check(program, X, answers)


@pytest.mark.parametrize("build", [*SANITIZED, *OTHERS], ids=str)
def test_no_undefined_behaviour_in_any_function(tmp_path, member, build):
    build.require()
    header, X, answers = member
    program = Program(header, tmp_path, build.compiler, build.flags, build.launcher)
    assert program.self_test() < 1e-5
    few = 100 if "valgrind" in build.launcher else 500
    for mode in MODES:
        check(program, X[:few], answers[:few], mode)
    if "valgrind" not in build.launcher:
        check(program, X, answers)


def drawn(seed: int):
    """Creates a random classifier or detector; the smallest and largest sizes are drawn more often than others."""
    rng = np.random.default_rng(seed)
    filters = tuple(int(rng.choice([1, 70, rng.integers(1, 71), rng.integers(1, 20)])) for _ in range(4))
    dense = int(rng.choice([1, 200, rng.integers(1, 201)]))
    side, channels = int(rng.choice([16, 16, 32])), int(rng.integers(1, 3))
    head, regularize = str(rng.choice(["sigmoid", "linear"])), bool(rng.integers(2))
    return random_model(seed, side, channels, filters, dense, head, regularize)


def any_build(seed: int) -> Build:
    """Cycles through the compilers and targets from model to model; every twentieth model is compiled for NEON."""
    builds = [Build(compiler, ("-O1", f"-march={target}")) for target in (*TARGETS, "x86-64") for compiler in COMPILERS]
    return Build(NEON, ("-O1", "-static"), QEMU) if seed % 20 == 19 else builds[seed % len(builds)]


@pytest.mark.parametrize("start", range(0, 240, MODELS_PER_TEST))
def test_random_models_in_float(tmp_path, start):
    for seed in range(start, start + MODELS_PER_TEST):
        build = any_build(seed)
        build.require()
        model = drawn(seed)
        X = patches(seed, 40, model.input_shape[1:])
        header = write_float(tmp_path, fold(model), X[:8])
        program = Program(header, tmp_path, build.compiler, build.flags, build.launcher)
        answers = model(X.astype(np.float32)).numpy()
        # float32 has seven significant digits, and the outputs can be as large as 26.
        assert program.self_test() < 1e-5 * max(1, np.abs(answers).max())
        for mode in ("bytes", "columns", "many"):
            check(program, X, answers, mode)


@pytest.mark.parametrize("build", [*PLAIN, *SANITIZED, *OTHERS, SSSE3], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_every_build_of_an_int16_header_gives_the_same_bits(tmp_path, name, build):
    build.require()
    network = fold(random_model(7, **MODELS[name]))
    X = patches(1, 60 if "valgrind" in build.launcher else 500, network.input_shape)
    path, whole = write_int16(tmp_path, network, X)
    check_bits(Program(path, tmp_path, build.compiler, build.flags, build.launcher), whole, X)


@pytest.mark.parametrize("start", range(0, 240, MODELS_PER_TEST))
def test_random_models_in_int16(tmp_path, start):
    for seed in range(start, start + MODELS_PER_TEST):
        build = any_build(seed)
        build.require()
        network = fold(drawn(seed))
        X = patches(seed, 40, network.input_shape)
        path, whole = write_int16(tmp_path, network, X)
        check_bits(Program(path, tmp_path, build.compiler, build.flags, build.launcher), whole, X, ("bytes", "columns"))
