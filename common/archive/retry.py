"""Repeats failed transfers, with growing pauses; all time-outs and limits on tries are defined here."""

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from common.archive.download_errors import ArchiveError, Transient, Unreachable

PAUSE_LIMIT_S = 60.0

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Limits on the time and the number of tries for a transfer.

    Maximum number of seconds: `connect_s` to connect, `read_s` without data, `slow_s` with little data. `attempts`:
    maximum number of tries without progress. Pauses begin at about `backoff_s` seconds and double after every failure.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    attempts: int = 4
    backoff_s: float = 1.0
    slow_s: float = 30.0


PATIENCE = Patience()


def retry(url: str, patience: Patience, attempt: Callable[[], T], size: Callable[[], int] = lambda: 0) -> T:
    """Repeats `attempt` until it succeeds, or until `patience.attempts` tries in a row have made no progress.

    `attempt` raises Transient if it failed but the next try may succeed; `size` returns the number of bytes on the
    disk. The final error is Unreachable if no byte of the file arrived, otherwise an ArchiveError.
    """
    failures, furthest, received = 0, size(), False
    while True:
        try:
            return attempt()
        except Transient as error:
            reached, received = size(), received or error.received
            failures = 1 if reached > furthest and not error.slow else failures + 1
            furthest = max(furthest, reached)
            tries = f"{failures} tries in a row" if failures > 1 else "one try"
            if failures >= patience.attempts and not received:
                raise Unreachable(
                    f"The archive cannot be reached: {error} ({tries}). Received: {url}. Check the network and the "
                    "address."
                ) from error
            if failures >= patience.attempts:
                raise ArchiveError(
                    f"The download of {url} broke off after {reached} bytes: {error} ({tries}). "
                    "The part that has arrived is kept; run the same command again to resume."
                ) from error
            pause = min(PAUSE_LIMIT_S, patience.backoff_s * 2 ** (failures - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
            print(f"{url}: {error}; trying again in {pause:.1f} s", file=sys.stderr)
            time.sleep(pause)
