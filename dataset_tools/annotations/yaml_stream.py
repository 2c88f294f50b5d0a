"""Reads YAML without building what it describes: values stay text, an alias stays one shared value, however often used.

So an alias bomb costs its own few lines, and one large mapping is read entry by entry.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from common.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, twenty times as fast, where the package has it
DEPTH_MAX = 20


def entries(path: Path, streamed: str = "") -> Iterator[tuple[str, object]]:
    """The entries of the mapping at the top of a YAML file as (key, value); of key `streamed`: its entries instead.

    Values are str, list and dict.

    Raises:
        UserError: not YAML, no mapping, or nested too deeply.
    """
    try:
        with path.open("rb") as stream:
            loader = LOADER(stream)
            try:
                yield from _Builder(loader).top(streamed)
            finally:
                loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a readable YAML file. Received: {what}.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None


class _Builder:
    def __init__(self, loader):
        self.loader = loader
        self.anchors: dict[str, object] = {}

    def top(self, streamed: str) -> Iterator[tuple[str, object]]:
        self._skip(yaml.StreamStartEvent, yaml.DocumentStartEvent)
        if not self.loader.check_event(yaml.MappingStartEvent):
            raise ValueError("no mapping of names to values")
        for key in self._keys():
            if key == streamed and self.loader.check_event(yaml.MappingStartEvent):
                yield from ((name, self.value(2)) for name in self._keys())
            else:
                yield key, self.value(1)

    def _skip(self, *kinds) -> None:
        while self.loader.check_event(*kinds):
            self.loader.get_event()

    def _keys(self) -> Iterator[str]:
        self.loader.get_event()
        while not self.loader.check_event(yaml.MappingEndEvent):
            key = self.value(1)
            yield key if isinstance(key, str) else ""
        self.loader.get_event()

    def value(self, depth: int) -> object:
        event = self.loader.get_event()
        if depth > DEPTH_MAX:
            raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self.anchors.get(event.anchor, "")
        if isinstance(event, yaml.ScalarEvent):
            built: object = event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            built = []
            while not self.loader.check_event(yaml.SequenceEndEvent):
                built.append(self.value(depth + 1))
            self.loader.get_event()
        elif isinstance(event, yaml.MappingStartEvent):
            built = {}
            while not self.loader.check_event(yaml.MappingEndEvent):
                key = self.value(depth + 1)
                built[key if isinstance(key, str) else ""] = self.value(depth + 1)
            self.loader.get_event()
        else:
            raise ValueError("it ends in the middle")
        if event.anchor is not None:
            self.anchors[event.anchor] = built
        return built
