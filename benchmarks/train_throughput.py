"""How fast the trainings are, held against the textbook's way to train: see the subcommands.

python benchmarks/train_throughput.py gpu --output gpu.json     an epoch on a GPU; about 10 minutes
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    gpu = commands.add_parser("gpu", help="seconds of an epoch on a GPU, with and without XLA")
    gpu.add_argument("--only", default="", metavar="TEXT", help="variants whose name holds this")
    for command in (gpu,):
        command.add_argument("--patches", type=int, default=60_000, help="of an epoch (%(default)s)")
        command.add_argument("--output", type=Path, default=Path("train_throughput.json"), help="(%(default)s)")
    return parser.parse_args(argv)


def main(argv=None) -> int:
    args = parse_args(argv)
    import gpu_throughput

    gpu_throughput.main(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
