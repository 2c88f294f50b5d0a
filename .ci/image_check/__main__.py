"""Builds a project's image and checks it under strict conditions: make image-check PROJECT=classifier_cnn

The checks run the image as an unknown user and without a network. The root file system is read-only, with one writable
folder. The environment names proxies that do not answer, and the tracking server cannot be reached. The checks also
stop a run, train a grid, and send pending runs from another container. They need docker, podman or (as root) buildah,
and take about ten minutes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import CHECKS, PROJECTS, Check, clean_up
from engines import find_engine
from verdict import CheckFailed

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Builds the image, runs every check and prints a line for each check; returns the exit status."""
    options = parse_args()
    try:
        engine = find_engine(options.engine)
    except OSError as error:
        print(f"error: image-check {error}", file=sys.stderr)
        return 2
    image = options.image or f"localhost/{options.project}:{options.accelerator}"
    if not options.image:
        build(engine, image, options)
    print(f"image: {engine.size(image) / 1e9:.2f} GB unpacked", flush=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="image-check-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        check = Check(engine, image, Path(folder), options.gpus, options.limit)
        try:
            for function in CHECKS:
                if not options.only or function.__name__ in options.only:
                    failed += carry_out(function, check)
            clean_up(check)
        finally:
            engine.close()
    words = "passed these checks" if options.only else "can be handed over"
    print(f"failed: {', '.join(failed)}" if failed else f"{image} {words}")
    return int(bool(failed))


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", choices=PROJECTS)
    parser.add_argument("--accelerator", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--engine", help="docker, podman or buildah (default: the first that works)")
    parser.add_argument("--image", help="check this image instead of building one")
    parser.add_argument("--gpus", action="store_true", help="give the containers access to the GPUs, and require a GPU")
    parser.add_argument("--limit", type=float, default=900, metavar="S", help="time limit of one run (default: 900)")
    names = [check.__name__ for check in CHECKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="CHECK", help=f"some of: {' '.join(names)}")
    for name in ("build-arg", "secret"):
        parser.add_argument(f"--{name}", action="append", default=[], help="passed to the engine's build command")
    return parser.parse_args()


def build(engine, image: str, options: argparse.Namespace) -> None:
    """Builds the image from the root of the repository; ends the program if that fails."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    commit = subprocess.run(describe, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    os.chdir(ROOT)
    start = time.monotonic()
    more = [word for value in options.build_arg for word in ("--build-arg", value)]
    more += [word for value in options.secret for word in ("--secret", value)]
    arguments = {"ACCELERATOR": options.accelerator, "BALL_COMMIT": commit or "unknown"}
    try:
        engine.build(Path(options.project) / "Dockerfile", image, arguments, more)
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: the build ended with status {error.returncode}; its last lines are above.")
    print(f"built {image} in {time.monotonic() - start:.0f} s", flush=True)


def carry_out(function, check: Check) -> list[str]:
    """Runs a check and prints its result.

    Returns a list with the name of the check if it failed, and an empty list if not.
    """
    start = time.monotonic()
    try:
        words = function(check)
    except (CheckFailed, OSError, subprocess.SubprocessError) as failure:
        print(f"FAILED  {function.__name__}: {failure}", flush=True)
        return [function.__name__]
    print(f"ok      {function.__name__}: {words} ({time.monotonic() - start:.0f} s)", flush=True)
    return []


if __name__ == "__main__":
    sys.exit(main())
