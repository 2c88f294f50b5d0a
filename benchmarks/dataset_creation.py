"""Measures the speed and memory of creating HDF5 datasets from PNG patches.

    .venv/bin/python benchmarks/dataset_creation.py speed ROOT
    .venv/bin/python benchmarks/dataset_creation.py memory ROOT SCRATCH --patches 20000 100000 300000

ROOT contains top/LOG.zip and bottom/LOG.zip. `speed` compares the command with a textbook method and with decoding
alone. To get enough input without exact duplicates, `memory` writes rotated, noisy copies of the patches to SCRATCH;
then it builds the datasets for all colours, sizes and cameras. Linux only.
"""

import argparse
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from PIL import Image, PngImagePlugin

BUILD = [sys.executable, "-m", "dataset_tools.ball_classification_datasets.create_datasets", "--origins", "naoth"]


def textbook(paths: list[Path], target: Path, size: int = 16) -> int:
    """Creates a dataset in the most obvious way: patch by patch and pixel by pixel."""
    X, y = [], []
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                image = Image.open(io.BytesIO(archive.read(name)))
                ball, robot = (float(image.text.get(f"{key}_intersect", 0)) for key in ("ball", "robot"))
                if 0 < ball <= 0.5 or (ball > 0.5 and robot > 0.4):
                    continue
                pixels = np.array(image.convert("YCbCr"))
                height, width, _ = pixels.shape
                yuv = np.zeros((height, width, 2), np.uint8)
                for row in range(height):
                    for column in range(width):
                        left = column - column % 2
                        right = min(left + 1, width - 1)
                        channel = 1 + column % 2
                        mean = (int(pixels[row, left, channel]) + int(pixels[row, right, channel])) // 2
                        yuv[row, column] = pixels[row, column, 0], mean
                resized = np.zeros((size, size, 2), np.uint8)
                for row in range(size):
                    for column in range(size):
                        at = int((row + 0.5) * height / size + 0.5), int((column + 0.5) * width / size + 0.5)
                        resized[row, column] = yuv[min(at[0], height - 1), min(at[1], width - 1)]
                X.append(resized)
                y.append(ball > 0.5)
    with h5py.File(target, "w") as file:
        file["X"], file["y"] = np.array(X), np.array(y, np.uint8)
    return len(X)


def decode_only(paths: list[Path]) -> int:
    """Decodes every PNG with Pillow and does nothing else; no method can be faster than this."""
    count = 0
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
        for content in contents:
            Image.open(io.BytesIO(content)).load()
        count += len(contents)
    return count


def speed(root: Path, jobs: int) -> None:
    """Prints the speed of the textbook method, the decoder and the command, in patches per second."""
    paths = sorted(root.glob("*/*.zip"))
    count = sum(len(zipfile.ZipFile(path).namelist()) for path in paths)
    with TemporaryDirectory() as folder:
        seconds = {
            "textbook, one process": timed(lambda: textbook(paths, Path(folder) / "textbook.h5")),
            "PNG decoding only, one process": timed(lambda: decode_only(paths)),
        }
        for name, more in {
            "yuv422_pil 16x16": [],
            "all 12 families": ["--size", "16", "32", "--camera", "combined", "top", "bottom", "--color",
                                "yuv422_pil", "yuv422_y_only_pil"],
        }.items():  # fmt: skip
            for processes in (1, jobs):
                command = [
                    *BUILD,
                    "--naoth",
                    root,
                    "--output-dir",
                    folder,
                    "--jobs",
                    str(processes),
                    "--color",
                    "yuv422_pil",
                ]
                key = f"create_datasets.py, {name}, {processes} jobs"
                seconds[key] = timed(lambda command=command, more=more: run([*command, *more]))
    base = seconds["textbook, one process"]
    print(f"\n{count} patches\n\n| | patches/s | times the textbook method |\n|---|---:|---:|")
    for name, taken in seconds.items():
        print(f"| {name} | {count / taken:,.0f} | {base / taken:.1f} |")


def timed(function) -> float:
    """Returns how long a call takes, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def run(command: list) -> None:
    """Runs a command; its output is shown only if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")


def memory(root: Path, scratch: Path, patches: list[int], jobs: int) -> None:
    """Prints the peak resident memory of all processes together, for inputs of different sizes."""
    rows = []
    for count in patches:
        source = scratch / f"patches_{count}"
        if not source.is_dir():
            multiply(root, source, count)
        command = [*BUILD, "--naoth", source, "--output-dir", scratch / "out", "--jobs", str(jobs), "--max-leaks", "1",
                   "--size", "16", "32", "--camera", "combined", "top", "bottom", "--color", "yuv422_pil",
                   "yuv422_y_only_pil"]  # fmt: skip
        start, peak = time.perf_counter(), 0
        with (scratch / "log.txt").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            while process.poll() is None:
                peak = max(peak, resident(process.pid))
                time.sleep(0.1)
            if process.returncode:
                raise SystemExit(log.seek(0) or log.read())
        rows.append((count, peak / 2**20, time.perf_counter() - start))
        print(rows[-1], flush=True)
    print("\n| patches | memory of all processes, MB | seconds |\n|---:|---:|---:|")
    for count, megabytes, seconds in rows:
        print(f"| {count:,} | {megabytes:.0f} | {seconds:.0f} |")
    if len(rows) > 1:
        slope, offset = np.polyfit([row[0] for row in rows], [row[1] for row in rows], 1)
        print(f"\n{1e6 * slope:.0f} MB per million patches, {offset + 1e6 * slope:.0f} MB for a million")


def resident(pid: int) -> int:
    """Returns the resident bytes of a process and all its descendants; shared pages are counted several times."""
    total = 0
    try:
        status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
        total += int(status[1].split()[0]) * 1024 if len(status) > 1 else 0
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return total
    return total + sum(resident(int(child)) for child in children)


def multiply(root: Path, target: Path, count: int) -> None:
    """Writes `count` rotated and noisy copies of the patches of `root`, with their labels, for both cameras."""
    generator, per_log = np.random.default_rng(0), min(5000, -(-count // 2))
    originals = []
    for path in sorted(root.glob("*/*.zip")):
        with zipfile.ZipFile(path) as archive:
            originals += [(path.parent.name, archive.read(name)) for name in archive.namelist()]
    for log in range(-(-count // per_log)):
        camera = ("top", "bottom")[log % 2]
        mine = [content for name, content in originals if name == camera]
        (target / camera).mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target / camera / f"log{log:04d}.zip", "w") as archive:
            for number in range(min(per_log, count - log * per_log)):
                content = mine[generator.integers(len(mine))]
                archive.writestr(f"patches/{number:05d}.png", varied(content, generator))


def varied(content: bytes, generator: np.random.Generator) -> bytes:
    """Rotates a PNG patch by a random angle and adds noise, but keeps its labels."""
    image = Image.open(io.BytesIO(content))
    text = PngImagePlugin.PngInfo()
    for key, value in image.text.items():
        text.add_text(key, value)
    pixels = np.array(image.rotate(generator.uniform(0, 360), Image.Resampling.BILINEAR, fillcolor=(60, 90, 40)))
    noisy = pixels + generator.integers(-6, 7, (*pixels.shape[:2], 1))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "PNG", pnginfo=text, compress_level=1)
    return buffer.getvalue()


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="parallel processes (default: 2)")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("speed").add_argument("root", type=Path)
    of_memory = what.add_parser("memory")
    of_memory.add_argument("root", type=Path)
    of_memory.add_argument("scratch", type=Path)
    of_memory.add_argument("--patches", type=int, nargs="+", default=[20_000, 100_000, 300_000])
    arguments = parser.parse_args()
    if arguments.what == "speed":
        speed(arguments.root, arguments.jobs)
    else:
        memory(arguments.root, arguments.scratch, arguments.patches, arguments.jobs)


if __name__ == "__main__":
    main()
