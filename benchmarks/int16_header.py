"""Compares the int16 header with the float header: python -m benchmarks.int16_header

It uses the networks S, M and L of benchmarks/cpp_header.py, for patches of 16x16 and 32x32 pixels. The script compares:

- cycles on the robot's Silvermont processor and on a Cortex-A78: llvm-mca simulates one call of predict
  (benchmarks/cycles.py);
- instructions of a -march=silvermont build, counted by callgrind;
- CPU time on this machine without AVX (-march=silvermont), with AVX2 and with all features of its processor, in
  alternating blocks;
- bytes of code and constants, and CPU seconds of the compiler;
- the limits of the int16 code on Silvermont, which issues 2 instructions per cycle and can multiply one vector of int16
  every second cycle.

Uses g++, valgrind, llvm, qemu-user and g++-aarch64-linux-gnu; measurements whose tools are missing are left out. Takes
four minutes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.cpp_header import HERE, NETWORKS, TARGETS, alternate, child_seconds, count, header_candidate
from benchmarks.cycles import CORTEX_A78, SILVERMONT, simulate
from robot_export.cpp import float_header, int16_header, int16_quantise, int16_reference
from robot_export.folded_network import fold
from tests.robot_export.models import patches, random_model

KINDS = ("float", "int16")
MULTIPLIES = ("pmaddwd", "pmulhrsw", "mulps")


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="blocks per candidate (%(default)s)")
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS], help="networks to measure (%(default)s)"
    )
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core to run on (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("int16_header.json"), help="JSON file for the results (%(default)s)"
    )
    return parser.parse_args(argv)


def main(argv=None) -> None:
    args = parse_args(argv)
    rows, candidates = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for side in (16, 32):
            for name in args.networks:
                network = write(Path(folder) / f"{name}{side}", *NETWORKS[name], side)
                for kind in KINDS:
                    label = f"{name} {side}x{side} {kind}"
                    rows[label], libraries = measured(network, kind)
                    candidates |= {f"{label}|{target}": library for target, library in libraries.items()}
        os.sched_setaffinity(0, {args.core})
        for label, seconds in alternate(candidates, args.rounds).items():
            name, target = label.split("|")
            rows[name][f"us {target}"] = seconds * 1e6
    show(rows)
    args.output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def write(folder: Path, filters, dense: int, side: int) -> dict:
    """Writes both headers of a network to a new folder, with patches and the expected output of each header."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    model = random_model(7, side=side, filters=filters, dense=dense)
    X, network = patches(1, 100, (side, side, 1)), fold(model)
    answers = model(X.astype(np.float32)).numpy()
    about = float_header.About("ball_bench", X[:8], answers[:8], 0.5)
    float_header.write(folder / "float" / "model.h", network, about)
    whole = int16_quantise.quantise(network, int16_quantise.measure(network, X))
    text = int16_header.text(network, whole, about)
    (folder / "int16" / "model.h").write_text(text, encoding="utf-8")
    wanted = {"float": answers, "int16": int16_reference.predict(whole, X).outputs}
    return {"folder": folder, "X": X, "wanted": wanted}


def measured(network: dict, kind: str) -> tuple[dict, dict]:
    """Measures everything about a header except its speed.

    Returns the results, and for each target the candidate whose speed is measured later.
    """
    row, timed, folder = {}, {}, network["folder"] / kind
    given = {"folder": folder, "X": network["X"], "answers": network["wanted"][kind]}
    for target, flags in TARGETS.items():
        unit, library, program = (folder / f"{target}.{end}" for end in ("o", "so", "program"))
        began = child_seconds()
        build("g++", *flags, "-fPIC", "-c", folder, unit)
        row[f"compile s {target}"] = child_seconds() - began
        said = subprocess.run(["size", unit], capture_output=True, text=True, check=True).stdout
        row[f"text {target}"] = int(said.splitlines()[1].split()[0])
        subprocess.run(["g++", "-shared", unit, "-o", library], check=True)
        timed[target] = header_candidate(given, target, many=False)
        if target == "silvermont" and shutil.which("valgrind"):
            subprocess.run(["g++", unit, "-o", program], check=True)
            row["instructions"] = count(program)
    for label, machine in (("silvermont", SILVERMONT), ("cortex-a78", CORTEX_A78)):
        program = folder / f"{label}.traced"
        if all(shutil.which(tool) for tool in (machine.compiler[0], machine.qemu[0], machine.mca[0])):
            build(*machine.compiler, folder, program)
            found = simulate(machine, program, "once", ["once"])
            row |= {f"{key} {label}": value for key, value in found.items()}
            if label == "silvermont":
                code = program.with_suffix(".mca.s").read_text().split("\n")
                row["issue bound"] = len(code) // 2
                row["multiplier bound"] = 2 * sum(line.startswith(MULTIPLIES) for line in code)
    return row, timed


def build(*command) -> None:
    *flags, folder, output = command
    header = [f'-DHEADER="{folder / "model.h"}"', "-DMODEL=ball_bench"]
    subprocess.run([*flags, *header, HERE / "cpp_header.cpp", "-o", output], check=True)


def show(rows: dict) -> None:
    """Prints a line for each measurement and network: the values of the float and int16 headers, and their ratio."""
    labels = sorted(
        {label.rsplit(" ", 1)[0] for label in rows}, key=lambda label: (label.split()[1], "SML".index(label[0]))
    )
    for key in next(iter(rows.values())):
        print(f"\n{key}")
        for label in labels:
            one, other = (rows[f"{label} {kind}"][key] for kind in KINDS)
            print(f"  {label:10}{one:12,.2f}{other:12,.2f}{one / other:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
