"""Makes damaged input in bulk and feeds it to readers, which may raise only UserError and must not take long."""

import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from common.errors import UserError

NUMBERS = (0, 1, 2, 255, 256, 65535, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)
SECONDS = 10.0  # time limit for one input


def mutated(seed: int, bases: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Yields `count` damaged copies: with bits, bytes or numbers changed, or with parts removed, copied or inserted."""
    generator = random.Random(seed)
    for number in range(count):
        content = bytearray(bases[number % len(bases)])
        for _ in range(generator.choice((1, 1, 1, 2, 4, 8))):
            length = max(1, len(content))
            at = generator.randrange(length if generator.random() < 0.5 else min(length, 3000))
            kind, size = generator.randrange(8), generator.choice((1, 2, 4, 8))
            if kind == 0:
                content[at : at + 1] = bytes([generator.randrange(256)])
            elif kind == 1:
                content[at : at + 1] = bytes(byte ^ 1 << generator.randrange(8) for byte in content[at : at + 1])
            elif kind in (2, 3):
                value = generator.choice((*NUMBERS, len(content), at)) % (1 << 8 * size)
                content[at : at + size] = value.to_bytes(size, generator.choice(("little", "big")))
            elif kind == 4 and generator.random() < 0.2:
                del content[at:]
            elif kind == 5:
                start = generator.randrange(length)
                content[at : at + size * 4] = content[start : start + size * 4]
            elif kind == 6:
                content[at:at] = generator.randbytes(size)
            elif kind == 7:
                del content[at : at + size]
        yield bytes(content)


def survives(inputs: Iterator[bytes], read: Callable[[bytes], object]) -> Counter:
    """Reads every input.

    Returns:
        How many inputs were read, refused in one line, and refused in more than one line.

    Raises:
        AssertionError: an input caused another exception or took more than SECONDS; the message gives its number.
    """

    def too_long(*_):
        raise TimeoutError(f"more than {SECONDS} s")

    counts: Counter = Counter()
    before = signal.signal(signal.SIGALRM, too_long)
    try:
        for number, content in enumerate(inputs):
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    warnings.simplefilter("ignore", ResourceWarning)
                    read(content)
                counts["read"] += 1
            except UserError as error:
                counts["refused" if "\n" not in str(error) else "more than one line"] += 1
            except Exception as error:
                raise AssertionError(f"input {number}: {type(error).__name__}: {error}") from error
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    return counts
