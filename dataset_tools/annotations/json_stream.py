"""Reads the elements of a large JSON file one by one, so that a million annotations are never in memory together."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

BLOCK = 1 << 20  # characters
ELEMENT_MAX = 64 << 20  # characters of one element; a picture's annotations have a few kB
NO_SEPARATOR = re.compile(r"[^ \t\r\n,:]")  # separators are skipped without checking their order


def elements(path: Path) -> Iterator[tuple[str, object]]:
    """The elements of a JSON file as (key, value).

    For a list at the top level: each element, with an empty key. For an object at the top level: each key with its
    value; if the value is a list, each of its elements with the key.

    Raises:
        UserError: not JSON, cut off, nested too deeply, or an element is too large to be an annotation.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield from _Window(stream).top()
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise UserError(f"{path}: not a readable JSON file. Received: {what}. Export it again.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None


class _Window:
    """A part of the text that moves forward as elements are decoded."""

    def __init__(self, stream):
        self.stream = stream
        self.text, self.at = "", 0
        self.decode = json.JSONDecoder().raw_decode

    def top(self) -> Iterator[tuple[str, object]]:
        first = self.next_character()
        if first == "[":
            yield from (("", value) for value in self.items())
        elif first == "{":
            self.at += 1
            while self.next_character() != "}":
                key = str(self.value())
                if self.next_character() == "[":
                    yield from ((key, value) for value in self.items())
                else:
                    yield key, self.value()
        else:
            raise ValueError(f"expected a list or an object, found {first!r}")

    def items(self) -> Iterator[object]:
        self.at += 1
        while self.next_character() != "]":
            yield self.value()
        self.at += 1

    def next_character(self) -> str:
        while (found := NO_SEPARATOR.search(self.text, self.at)) is None:
            self.at = len(self.text)
            if not self.more():
                raise ValueError("it ends in the middle")
        self.at = found.start()
        return found[0]

    def more(self) -> bool:
        # Reads at least as much as is pending, so that the time for a large element does not grow quadratically.
        block = self.stream.read(max(BLOCK, len(self.text) - self.at))
        self.text, self.at = self.text[self.at :] + block, 0
        return bool(block)

    def value(self) -> object:
        while True:
            try:
                found, end = self.decode(self.text, self.at)
                if end < len(self.text):  # a number at the end of the window may continue
                    self.at = end
                    return found
            except json.JSONDecodeError:
                if len(self.text) - self.at > ELEMENT_MAX:
                    raise ValueError("an element is damaged or larger than 64 MB") from None
                if not self.more():
                    raise
            else:
                if not self.more():
                    raise ValueError("it ends in the middle")
