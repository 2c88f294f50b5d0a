"""Compares the speed of the C++ headers with LiteRT and ONNX Runtime: .venv/bin/python -m benchmarks.cpp_header

It uses the networks S (4 4 8 8, dense 32), M (8 8 16 16, dense 64) and L (8 16 32 64, dense 128) for 16x16x1 patches,
with weights like those of a trained network. Everything is pinned to one core and runs in blocks of about 2 ms, in a
new order each round. The script prints medians of the thread's CPU time, so other work on the machine does not affect
them. The runtimes use one thread and their default settings, and are called from Python with as little overhead as
possible; the headers are called from C++ and read uint8 patches. The cost of a call from Python is also printed.

Multiply-accumulates are counted as if all convolutions were computed directly. The headers' 3x3 convolutions need only
16 multiplications instead of 36 for the same result, so the script also prints the percentage of the peak for the
multiplications that are really executed. The peak is the throughput of SSE without FMA, measured in the same rounds.

Instructions per patch come from callgrind, if valgrind is installed; other work on the machine does not affect them.
Prints tables and writes cpp_header.json. Takes two minutes on an idle core.
"""

import argparse
import ctypes
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from common.cli import launch
from common.training import devices_and_seeds
from robot_export.cost import count_cost
from robot_export.cpp.float_header import About
from robot_export.cpp.float_header import write as write_header
from robot_export.folded_network import Joint, fold
from robot_export.onnx_file import write as write_onnx
from robot_export.tflite import convert
from tests.robot_export.models import patches, random_model

NETWORKS = {"S": ((4, 4, 8, 8), 32), "M": ((8, 8, 16, 16), 64), "L": ((8, 16, 32, 64), 128)}
TARGETS = {name: ("-std=c++11", "-O3", f"-march={name}") for name in ("silvermont", "x86-64-v3", "native")}
HERE = Path(__file__).parent
PATCHES, BLOCK = 100, 2e-3  # seconds


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150, help="blocks per candidate (%(default)s)")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core to run on (%(default)s)")
    parser.add_argument("--compiler", default="g++", help="C++ compiler (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("cpp_header.json"), help="JSON file for the results (%(default)s)"
    )
    return parser.parse_args(argv)


def main(argv=None) -> None:
    args = parse_args(argv)
    if not shutil.which(args.compiler):
        sys.exit(f"error: a C++ compiler is needed. Received: {args.compiler}.")
    launch.switch_off()
    devices_and_seeds.prepare(seed=0, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        networks = {name: write(Path(folder) / name, name) for name in NETWORKS}
        result = {"built": build_all(networks, args.compiler), "counted": count_all(networks)}
        os.sched_setaffinity(0, {args.core})
        result["timed"] = time_all(networks, args)
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def write(folder: Path, name: str) -> dict:
    """Writes a network to a new folder as a header, TFLite and ONNX, and counts its multiply-accumulates."""
    folder.mkdir()
    filters, dense = NETWORKS[name]
    model = random_model(7, filters=filters, dense=dense)
    X = patches(1, PATCHES, (16, 16, 1))
    answers, network = model(X.astype(np.float32)).numpy(), fold(model)
    write_header(folder / "model.h", network, About("ball_bench", X[:8], answers[:8], 0.5))
    write_onnx(folder / "model.onnx", Joint((network,)))
    (folder / "model.tflite").write_bytes(convert(Joint((network,))))
    inner = (1, *filters[:2])
    tiled = sum(256 // 4**i * 9 * inner[i] * filters[i] for i in range(3))  # if computed directly; model.h needs 4/9
    direct = count_cost(model)["multiply_accumulates"]
    return {"folder": folder, "X": X, "answers": answers, "direct": direct, "executed": direct - tiled * 5 // 9}


def build_all(networks: dict, compiler: str) -> dict:
    """Compiles all programs; returns the seconds and the bytes of code and constants for each network and target."""
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(f"{said}\n\n{'':16}{'compile s':>10}{'text bytes':>12}")
    rows = {}
    for name, network in networks.items():
        header = [f'-DHEADER="{network["folder"] / "model.h"}"', "-DMODEL=ball_bench"]
        for target in TARGETS:
            unit, library, program = (network["folder"] / f"{target}.{end}" for end in ("o", "so", "program"))
            command = [compiler, *TARGETS[target], "-fPIC", *header, "-c", HERE / "cpp_header.cpp", "-o", unit]
            began = child_seconds()
            subprocess.run(command, check=True)
            seconds = child_seconds() - began
            subprocess.run([compiler, "-shared", unit, "-o", library], check=True)
            subprocess.run([compiler, unit, "-o", program], check=True)
            size = subprocess.run(["size", unit], capture_output=True, text=True, check=True).stdout.splitlines()[1]
            rows[f"{name} {target}"] = {"seconds": seconds, "text": int(size.split()[0])}
            print(f"{name:3}{target:13}{seconds:10.1f}{int(size.split()[0]):12,}")
    return rows


def child_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def count_all(networks: dict) -> dict:
    """Counts instructions per patch with callgrind, for single patches and for all patches at once.

    Valgrind does not support AVX-512.
    """
    if not shutil.which("valgrind"):
        print("\nvalgrind is not installed, so instructions are not counted")
        return {}
    print(f"\n{'instructions':16}{'predict':>10}{'predict_many':>14}")
    rows = {}
    for name, network in networks.items():
        for target in ("silvermont", "x86-64-v3"):
            counts = [count(network["folder"] / f"{target}.program", *many) for many in ((), ("many",))]
            rows[f"{name} {target}"] = dict(zip(("predict", "predict_many"), counts, strict=True))
            print(f"{name:3}{target:13}{counts[0]:10,.0f}{counts[1]:14,.0f}")
    return rows


def count(*program) -> float:
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=work"]
    said = subprocess.run([*tool, *program], capture_output=True, text=True, check=True).stderr
    return int(re.search(r"Collected : (\d+)", said)[1]) / PATCHES


Candidate = Callable[[int], float]  # number of patches -> seconds per patch


def header_candidate(network: dict, target: str, many: bool) -> Candidate:
    library = ctypes.CDLL(str(network["folder"] / f"{target}.so"))
    library.block.restype = ctypes.c_double
    X, out = network["X"], np.zeros((PATCHES, 1), np.float32)
    pointers = (ctypes.c_void_p * PATCHES)(*(X.ctypes.data + i * X[0].size for i in range(PATCHES)))

    def run(calls: int) -> float:
        rounds = -(-calls // PATCHES)
        return library.block(pointers, PATCHES, rounds, many, ctypes.c_void_p(out.ctypes.data)) / (rounds * PATCHES)

    run(1)
    np.testing.assert_allclose(out, network["answers"], atol=1e-5)
    return run


def called(call: Callable[[], object]) -> Candidate:
    def run(calls: int) -> float:
        began = time.thread_time()
        for _ in range(calls):
            call()
        return (time.thread_time() - began) / calls

    return run


def litert_candidate(network: dict) -> Candidate:
    interpreter = Interpreter(model_path=str(network["folder"] / "model.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], network["X"][:1].astype(np.float32))
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, network["answers"][:1], atol=1e-5)
    return called(interpreter._interpreter.Invoke)  # skips the checks of `invoke`


def onnx_candidate(network: dict) -> Candidate:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(network["folder"] / "model.onnx", options, ["CPUExecutionProvider"])
    binding, out = session.io_binding(), np.zeros((1, 1), np.float32)
    given, answer = onnxruntime.OrtValue.ortvalue_from_numpy, onnxruntime.OrtValue.ortvalue_from_numpy(out)
    binding.bind_ortvalue_input(session.get_inputs()[0].name, given(network["X"][:1].astype(np.float32)))
    binding.bind_ortvalue_output(session.get_outputs()[0].name, answer)
    session._sess.run_with_iobinding(binding._iobinding, None)
    np.testing.assert_allclose(answer.numpy(), network["answers"][:1], atol=1e-5)
    return called(lambda: session._sess.run_with_iobinding(binding._iobinding, None))


def peak_candidate(folder: Path) -> Candidate:
    """Returns a candidate that measures seconds per multiply-accumulate."""
    subprocess.run(["g++", "-O2", "-shared", "-fPIC", HERE / "sse_peak.cpp", "-o", folder / "peak.so"], check=True)
    library = ctypes.CDLL(str(folder / "peak.so"))
    library.peak.restype = ctypes.c_double
    return lambda calls: 1 / library.peak(calls // 40 + 1)


def time_all(networks: dict, args) -> dict:
    candidates = {"peak": peak_candidate(next(iter(networks.values()))["folder"])}
    candidates["call"] = called(b"".__len__)
    for name, network in networks.items():
        for target in TARGETS:
            for many in (False, True):
                candidates[f"{name} {target}{' many' * many}"] = header_candidate(network, target, many)
        candidates[f"{name} LiteRT"] = litert_candidate(network)
        candidates[f"{name} ONNX Runtime"] = onnx_candidate(network)
    medians = alternate(candidates, args.rounds)
    peak = 1 / medians["peak"]
    print(f"\nSSE peak {peak / 1e9:.1f} G multiply-accumulates/s; a call from Python {medians['call'] * 1e6:.2f} us")
    print(f"\n{'us per patch':26}{'':>8}{'LiteRT x':>10}{'ONNX RT x':>11}{'SSE peak %':>12}{'executed %':>12}")
    rows = {"sse_peak": peak, "call": medians["call"]}
    for name, network in networks.items():
        for label, seconds in medians.items():
            if label.startswith(f"{name} "):
                row = {"us": seconds * 1e6, "direct_share": network["direct"] / seconds / peak * 100}
                row |= {key: medians[f"{name} {full}"] / seconds for key, full in RUNTIMES.items()}
                row["executed_share"] = network["executed"] / seconds / peak * 100
                rows[label] = row
                shown = [row["us"], row["litert"], row["onnx"], row["direct_share"], row["executed_share"]]
                print(f"{label:26}{shown[0]:8.2f}{shown[1]:10.2f}{shown[2]:11.2f}{shown[3]:12.0f}{shown[4]:12.0f}")
    return rows


RUNTIMES = {"litert": "LiteRT", "onnx": "ONNX Runtime"}


def alternate(candidates: dict[str, Candidate], rounds: int) -> dict[str, float]:
    """Returns the median seconds of each candidate; the order of the candidates changes every round."""
    calls = {name: max(1, round(BLOCK / min(run(200) for _ in range(3)))) for name, run in candidates.items()}
    times, order = {name: [] for name in candidates}, list(candidates)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            times[name].append(candidates[name](calls[name]))
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    sys.exit(main())
