"""Applies the lists of wrongly labelled patches: --drop and --relabel of create_datasets.py."""

import csv
import re
import sys
from pathlib import Path

import numpy as np

from common.archive.checksums import sha256_of
from common.cli.printable import LIMIT, printable
from common.errors import UserError
from dataset_tools.building import choose_patches
from dataset_tools.building.options import Settings
from dataset_tools.building.patch_store import Store
from dataset_tools.sources import labels
from dataset_tools.sources.patch_keys import digests

KEYS = ("source", "sha256", "key")  # columns of a CSV file that name a patch; the first non-empty one is used
CLASSES = {"ball": labels.BALL, "1": labels.BALL, "no ball": labels.NO_BALL, "0": labels.NO_BALL}
DIGEST = re.compile(r"[0-9a-f]{64}")
BLOCK = 4096


def apply(store: Store, settings: Settings, shapes: set[tuple[int, int]]) -> None:
    """Changes the kinds of the patches in the lists, and records the changes in the store.

    Args:
        store: all patches.
        settings: contains the two lists.
        shapes: (size, channels) of the files to build. A digest in a list may belong to a patch in any of these files.

    Raises:
        UserError: a list cannot be read, a label is unknown, or an entry matches no patch or several patches.
    """
    lists = {name: path for name in ("drop", "relabel") if (path := getattr(settings, name)) is not None}
    wanted = {name: read(path, name == "relabel") for name, path in lists.items()}
    both = sorted(set(wanted.get("drop", ())) & set(wanted.get("relabel", ())))
    if both:
        raise UserError(f"--drop and --relabel name the same patch. Received: {printable(both[0], LIMIT)}. Keep one.")
    places = _places(store, settings, shapes, set().union(*wanted.values())) if wanted else {}
    for name, entries in wanted.items():
        missing = [key for key in entries if key not in places]
        if missing:
            shown = ", ".join(printable(key, LIMIT) for key in missing[:3])
            text = f"--{name}: {len(missing)} of {len(entries)} entries match no patch in these sources: {shown}"
            if len(missing) == len(entries):
                raise UserError(f"{text}. Check that {lists[name]} was made from this data.")
            print(f"  {text}", file=sys.stderr)
        for key in entries.keys() & places.keys():
            store.columns["kind"][places[key]] = entries[key]
        used = {"file": lists[name].name, "sha256": sha256_of(lists[name]), "patches": len(entries) - len(missing)}
        store.corrections[name] = used


def read(path: Path, with_labels: bool) -> dict[str, int]:
    """Returns the new kind of each patch in a list, by source or digest; the kind is DROPPED if the list has no labels.

    Raises:
        UserError: the file is not a list of patches.
    """
    found: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        header = [cell.strip().casefold() for cell in next(csv.reader(lines[:1]), [])]
        if set(header).isdisjoint(KEYS):  # one patch per line; its name may contain commas
            rows = [dict(zip(("source", "label"), line.rsplit(",", with_labels), strict=False)) for line in lines]
        else:
            rows = list(csv.DictReader(lines[1:], header))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a list of patches. Received: {printable(error, LIMIT)}.") from None
    for row in rows:
        key = next((row[name].strip() for name in KEYS if (row.get(name) or "").strip()), "")
        label = (row.get("label") or "").strip().casefold()
        if not key:
            continue
        if with_labels and label not in CLASSES:
            shown = printable(f"{key},{label}", LIMIT)
            raise UserError(f"{path}: a label must be ball or no ball. Received: {shown}.")
        kind = CLASSES[label] if with_labels else labels.DROPPED
        if found.setdefault(key, kind) != kind:
            raise UserError(f"{path}: a patch has two labels. Received: {printable(key, LIMIT)}. Keep one.")
    if not found:
        raise UserError(f"{path}: contains no patch. Write the source of one patch per line.")
    return found


def _places(store: Store, settings: Settings, shapes: set[tuple[int, int]], wanted: set[str]) -> dict[str, int]:
    """Returns the index of the patch that each key identifies.

    Raises:
        UserError: a key matches several patches.
    """
    places: dict[str, set[int]] = {}
    for index, source in enumerate(store.columns["source"]):
        if (key := source.decode("utf-8", "replace")) in wanted:
            places.setdefault(key, set()).add(index)
    if any(DIGEST.fullmatch(key) for key in wanted):
        ready = np.flatnonzero(choose_patches.usable(store, settings.task, settings.partial))
        for size, channels in sorted(shapes):
            for start in range(0, len(ready), BLOCK):
                part = ready[start : start + BLOCK]
                pixels = store.rows(size, part, channels)[:]
                found = digests(pixels, choose_patches.target(store, settings.task, part))
                for index, key in zip(part.tolist(), found, strict=True):
                    if key in wanted:
                        places.setdefault(key, set()).add(index)
    several = sorted(key for key, indices in places.items() if len(indices) > 1)
    if several:
        raise UserError(
            f"an entry of --drop or --relabel matches several patches. Received: {printable(several[0], LIMIT)}, which"
            f" {len(places[several[0]])} patches have in common. Name them by source."
        )
    return {key: indices.pop() for key, indices in places.items()}
