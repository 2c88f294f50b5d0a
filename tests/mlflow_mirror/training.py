"""Simulates a run without training a network: python training.py FOLDER URI EPOCHS SECONDS [resume]."""

import sys
import time
from pathlib import Path

from common import tracking
from common.tracking.server_choice import Server


def main() -> None:
    """Prints "epoch N" as soon as epoch N is in the folder, and at the end the line that finish() returns."""
    folder, uri, epochs, seconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    resume = sys.argv[5:] == ["resume"]
    run = tracking.start(
        folder,
        Server(uri, "", uri),
        tracking.RunInfo(
            "runs",
            folder.name,
            parameters={"filters": "8 8 16 16", "epochs": epochs, "text": "ü" * 300},
            tags={"commit": "0123", "resumed": resume},
        ),
        resume=resume,
    )
    run.dataset("patches", digest="ab" * 32, source="https://archive/x.h5", context="training", patches=100)
    for epoch in range(epochs):
        time.sleep(seconds)
        run.metrics({f"metric_{i}": (epoch + 1) / (i + 1) for i in range(20)}, step=epoch)
        print("epoch", epoch, flush=True)
    (folder / "model.bin").write_bytes(bytes(range(256)) * 1000)
    run.artifact("model.bin", "files")
    print(run.finish("FINISHED", wait_s=float(30)), flush=True)


if __name__ == "__main__":
    main()
