"""Counts the skipped patches and files of a source, with the reasons."""

from collections import Counter

from common.cli.printable import LIMIT, printable
from dataset_tools.sources.patch_sources import Skipped

EXAMPLES = 3  # maximum number of names kept for each reason


class Skips:
    """Counts skipped items by (origin, reason), with some examples; the origin is empty if there is only one source."""

    def __init__(self):
        self.counts: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], list[str]] = {}

    def add(self, item: Skipped, origin: str = "") -> None:
        """Counts one skipped item."""
        key = origin, item.reason
        self.counts[key] += 1
        names = self.examples.setdefault(key, [])
        if len(names) < EXAMPLES:
            names.append(item.name)

    def lines(self) -> list[str]:
        """Returns one line per origin and reason, safe to print."""
        result = []
        for (origin, reason), count in sorted(self.counts.items()):
            examples = ", ".join(printable(name, LIMIT) for name in self.examples[origin, reason])
            items = f"{count} item{'s' * (count > 1)}{f' from {origin}' * bool(origin)}"
            result.append(f"  skipped {items}: {printable(reason)}, such as {examples}")
        return result
