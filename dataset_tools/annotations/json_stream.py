"""Reads the elements of a large JSON file one by one, so that a million annotations are never all in memory."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from common.errors import UserError

BLOCK = 1 << 20  # characters
ELEMENT_MAX = 64 << 20  # maximum number of characters in an element; the annotations of a picture take a few kB
NO_SEPARATOR = re.compile(r"[^ \t\r\n,:]")  # separators are skipped without checking their order


def elements(path: Path) -> Iterator[tuple[str, object]]:
    """Yields the elements of a JSON file as (key, value).

    If the file is a list, yields each element with an empty key. If it is an object, yields each key with its
    value; if the value is a list, yields the key with each of its elements.

    Raises:
        UserError: the file is truncated, not JSON or nested too deeply, or has an element too large for an annotation.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            window = _Window(stream)
            if (first := window.next_character()) not in "[{":
                raise ValueError(f"expected a list or an object, found {first!r}")
            for key in [""] if first == "[" else window.values("}"):
                if window.next_character() == "[":
                    yield from ((str(key), value) for value in window.values("]"))
                else:
                    yield str(key), window.value()
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise UserError(f"{path}: not a readable JSON file. Received: {what}. Export it again.") from None


class _Window:
    """The part of the text that is in memory; it moves forward as values are decoded."""

    def __init__(self, stream):
        self.stream = stream
        self.text, self.at = "", 0
        self.decode = json.JSONDecoder().raw_decode

    def next_character(self) -> str:
        """Moves to the next value or bracket, and returns its first character."""
        while (found := NO_SEPARATOR.search(self.text, self.at)) is None:
            self.at = len(self.text)
            self.more()
        self.at = found.start()
        return found[0]

    def values(self, end: str) -> Iterator[object]:
        """Yields the values after an opening bracket, up to the closing bracket `end`."""
        self.at += 1
        while self.next_character() != end:
            yield self.value()
        self.at += 1

    def value(self) -> object:
        while True:
            with suppress(json.JSONDecodeError):
                found, end = self.decode(self.text, self.at)
                if end < len(self.text):  # a number at the end of the window may continue in the file
                    self.at = end
                    return found
            if len(self.text) - self.at > ELEMENT_MAX:
                raise ValueError("an element is damaged or larger than 64 MB")
            self.more()

    def more(self) -> None:
        # Reads at least as many characters as are left in the window. Otherwise, the time for a large element would
        # grow quadratically.
        block = self.stream.read(max(BLOCK, len(self.text) - self.at))
        if not block:
            raise ValueError("it is damaged or truncated")
        self.text, self.at = self.text[self.at :] + block, 0
