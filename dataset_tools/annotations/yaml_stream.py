"""Reads YAML as plain data: values remain text, and an alias remains one shared value, however often it is used.

So an alias bomb takes hardly any memory, and a large mapping is read entry by entry.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from common.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, if available, is twenty times as fast
DEPTH_MAX = 20

Events = Iterator[yaml.Event]


def entries(path: Path, streamed: str = "") -> Iterator[tuple[str, object]]:
    """The entries of the mapping at the top of a YAML file as (key, value).

    The key `streamed` is replaced by the entries of its own mapping. Values are str, list and dict.

    Raises:
        UserError: not YAML, not a mapping, or nested too deeply.
    """
    try:
        with path.open("rb") as stream:
            events, anchors = yaml.parse(stream, LOADER), {}
            if not isinstance([next(events), next(events), next(events, None)][-1], yaml.MappingStartEvent):
                raise ValueError("no mapping of names to values")
            for key, event in _pairs(events, anchors, 1):
                if key == streamed and isinstance(event, yaml.MappingStartEvent):
                    yield from ((name, _value(inner, events, anchors, 2)) for name, inner in _pairs(events, anchors, 2))
                else:
                    yield key, _value(event, events, anchors, 1)
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a readable YAML file. Received: {what}.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _pairs(events: Events, anchors: dict[str, object], depth: int) -> Iterator[tuple[str, yaml.Event]]:
    """The keys of a mapping, each with the first event of its value; a key that is not text becomes empty."""
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return
        key = _value(event, events, anchors, depth)
        yield key if isinstance(key, str) else "", next(events)


def _value(event: yaml.Event, events: Events, anchors: dict[str, object], depth: int) -> object:
    if depth > DEPTH_MAX:
        raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
    if isinstance(event, yaml.AliasEvent):
        return anchors.get(event.anchor, "")
    if isinstance(event, yaml.ScalarEvent):
        built: object = event.value
    elif isinstance(event, yaml.SequenceStartEvent):
        built = []
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            built.append(_value(inner, events, anchors, depth + 1))
    else:
        pairs = _pairs(events, anchors, depth + 1)
        built = {key: _value(inner, events, anchors, depth + 1) for key, inner in pairs}
    if event.anchor is not None:
        anchors[event.anchor] = built
    return built
