"""Compares the local families with the published ones."""

from itertools import product
from pathlib import Path

from common.archive.checksums import SUMS, sha256_of
from common.archive.download_errors import ArchiveError, NotInArchive
from common.archive.fetch import address, fetch, listing
from common.archive.resumable import discard, download
from common.archive.retry import PATIENCE
from common.datasets.families import Family
from dataset_tools.building.build import Outcome, short
from dataset_tools.building.choose_patches import files_of
from dataset_tools.building.options import Settings
from dataset_tools.building.working_folder import working_folder
from dataset_tools.building.write_families import read_sums


def compare(settings: Settings) -> list[Outcome]:
    """Compares every requested local family with the archive at `settings.check_published`.

    If the archive's SHA256SUMS has a different checksum for a file, the file is not downloaded. Otherwise, the file is
    downloaded and hashed, because matching checksums do not prove that a published file was copied completely.

    Returns:
        For each family: `same`, `differs`, `missing` (locally or in the archive), `skipped` (cannot exist) or `failed`.
    """
    outcomes = []
    for patch_type, border in product(settings.type, settings.border):
        families, impossible = settings.families(patch_type, border)
        outcomes += [Outcome(name, "skipped", reason) for name, reason in impossible]
        outcomes += [_compare_family(family, settings) for family in families]
    return outcomes


def _compare_family(family: Family, settings: Settings) -> Outcome:
    here = [name for name in files_of(family) if (settings.output_dir / name).is_file()]
    if not here:
        return Outcome(short(family), "missing", f"not built here, in {settings.output_dir}")
    url = settings.check_published
    try:
        with working_folder(settings.output_dir, ".published-") as folder:
            index, sums = listing(family.folder, url), _sums(family, url, folder)
            there = {name for name in files_of(family) if Path(name).name in (sums if index is None else index)}
            # If there is neither an index page nor SHA256SUMS, each file is requested.
            there = there if index is not None or sums else set(here)
            faults = [
                f"{fault}: {Path(name).name.removeprefix(f'{family.stem}_')}"
                for name in sorted({*here, *there})
                if (fault := _fault(settings.output_dir / name, name in there, sums, address(url, name), folder))
            ]
    except ArchiveError as error:
        return Outcome(short(family), "failed", str(error))
    except OSError as error:
        return Outcome(short(family), "failed", f"{error.filename or settings.output_dir}: {error.strerror or error}")
    if len(faults) == len(here) and all(fault.startswith("not published") for fault in faults):
        return Outcome(short(family), "missing", "not published")
    return Outcome(short(family), "differs" if faults else "same", "; ".join(faults) or f"{len(here)} files")


def _sums(family: Family, url: str, folder: Path) -> dict[str, str]:
    """Returns the checksums in the archive's SHA256SUMS, by file name; empty if there is no such file."""
    try:
        return read_sums(fetch(f"{family.folder}/{SUMS}", folder, url))
    except NotInArchive:
        return {}


def _fault(here: Path, published: bool, sums: dict[str, str], address: str, folder: Path) -> str:
    """Describes how a local file and the published file differ; empty if they are the same."""
    if not published:
        return "not published"
    if not here.is_file():
        return "only published"
    mine = sha256_of(here)
    if sums and here.name not in sums:
        return f"not in {SUMS}"
    if sums and sums[here.name] != mine:
        return "different bytes"
    part = folder / here.name
    try:
        download(address, part, PATIENCE)
    except NotInArchive:
        return "not published"
    theirs = sha256_of(part)
    discard(part)
    return "" if theirs == mine else "different bytes"
