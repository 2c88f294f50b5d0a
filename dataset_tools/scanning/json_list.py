"""Writes a JSON file with a long list item by item."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path


@contextmanager
def json_list(path: Path, key: str = "", others: Mapping = {}) -> Iterator[Callable]:
    """Yields a function that appends an item to the list.

    The file contains only the list, or with a `key` an object with the list and then `others`, as they are at the end.
    """
    between = chain(["\n"], repeat(",\n"))
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{{\n{json.dumps(key)}: [" if key else "[")
        yield lambda item: file.write(next(between) + json.dumps(item))
        tail = "".join(f",\n{json.dumps(name)}: {json.dumps(value)}" for name, value in others.items())
        file.write(f"\n]{tail}\n}}\n" if key else "\n]\n")
