"""Compares the families here with the published ones."""

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from common.archive import SUMS, ArchiveError, NotInArchive, fetch, listing, sha256_of
from common.families import Family
from dataset_tools.building import Outcome, short
from dataset_tools.options import Settings
from dataset_tools.writing import parse_sums


def compare(settings: Settings) -> list[Outcome]:
    """Compares every wished family that is here with the archive at `settings.check_published`.

    By the SHA256SUMS that the archive has beside the files, and its index page; where it has no sums, the files are
    downloaded and hashed.

    Returns:
        `same`, `differs`, `missing` (here or there), `skipped` (cannot exist) or `failed` (no answer) for each family.
    """
    outcomes = []
    with TemporaryDirectory() as folder:
        for patch_type, border in product(settings.type, settings.border):
            families, impossible = settings.families(patch_type, border)
            outcomes += [Outcome(name, "skipped", reason) for name, reason in impossible]
            outcomes += [_compare_family(family, settings, Path(folder)) for family in families]
    return outcomes


def _compare_family(family: Family, settings: Settings, folder: Path) -> Outcome:
    here = [name for name in family.files if (settings.output_dir / name).is_file()]
    if not here:
        return Outcome(short(family), "missing", f"not built here, in {settings.output_dir}")
    try:
        there = _published(family, here, settings.check_published, folder)
    except NotInArchive as error:
        return Outcome(short(family), "missing", f"not published: {error}")
    except ArchiveError as error:
        return Outcome(short(family), "failed", str(error))
    faults = []
    for name in sorted({*here, *there}):
        file = Path(name).name.removeprefix(f"{family.stem}_")
        if name not in there:
            faults.append(f"not published: {file}")
        elif name not in here:
            faults.append(f"only published: {file}")
        elif sha256_of(settings.output_dir / name) != there[name]:
            faults.append(f"other bytes: {file}")
    if len(faults) == len(here) and all(fault.startswith("not published") for fault in faults):
        return Outcome(short(family), "missing", "not published")
    return Outcome(short(family), "differs" if faults else "same", "; ".join(faults) or f"{len(here)} files")


def _published(family: Family, here: list[str], url: str, folder: Path) -> dict[str, str]:
    """sha256 by path of the family's published files."""
    index = listing(family.folder, url)
    try:
        sums = parse_sums(fetch(f"{family.folder}/{SUMS}", folder, url).read_text(encoding="utf-8"))
    except NotInArchive:
        found = {}
        for name in here:
            try:
                found[name] = sha256_of(fetch(name, folder, url))
            except NotInArchive:
                continue
        return found
    found = {name: sums[Path(name).name] for name in family.files if Path(name).name in sums}
    return found if index is None else {name: digest for name, digest in found.items() if Path(name).name in index}
