"""Reads YAML as plain data: values remain text, and an alias remains one shared value, however often it is used.

An alias bomb therefore takes hardly any memory, and a large mapping is read entry by entry.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from common.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # CSafeLoader is twenty times as fast as SafeLoader
DEPTH_MAX = 20


def entries(path: Path, inside: str = "") -> Iterator[tuple[str, object]]:
    """Yields the entries of the mapping at the top of a YAML file as (key, value); values are str, list and dict.

    The value of the key `inside` must be a mapping. The entries of this mapping are yielded, but not the key itself.

    Raises:
        UserError: the file is not YAML, not a mapping, or nested too deeply.
    """
    try:
        with path.open("rb") as stream:
            events, anchors = yaml.parse(stream, LOADER), {}
            if not isinstance([next(events), next(events), next(events, None)][-1], yaml.MappingStartEvent):
                raise ValueError("no mapping of names to values")
            parts = _parts(events, anchors, 1)
            for key in parts:
                if key == inside and isinstance(next(events), yaml.MappingStartEvent):
                    yield from _pairs(_parts(events, anchors, 2))
                elif key == inside:
                    raise ValueError(f"{inside} is not a mapping")
                else:
                    yield key if isinstance(key, str) else "", next(parts)
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a readable YAML file. Received: {what}.") from None


def _pairs(parts: Iterator[object]) -> Iterator[tuple[str, object]]:
    """Yields keys with their values; a key that is not text becomes an empty string."""
    for key in parts:
        yield key if isinstance(key, str) else "", next(parts)


def _parts(events: Iterator[yaml.Event], anchors: dict[str, object], depth: int) -> Iterator[object]:
    """Yields the elements of a list, or the keys and values of a mapping in turn."""
    if depth > DEPTH_MAX:
        raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        if isinstance(event, yaml.AliasEvent):
            yield anchors.get(event.anchor, "")
            continue
        if isinstance(event, yaml.ScalarEvent):
            built = event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            built = list(_parts(events, anchors, depth + 1))
        else:
            built = dict(_pairs(_parts(events, anchors, depth + 1)))
        if event.anchor is not None:
            anchors[event.anchor] = built
        yield built
