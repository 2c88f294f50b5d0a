"""Makes the table that `--list-datasets` prints: the families in the archive and in the cache."""

from common.archive.download_errors import Unreachable
from common.archive.fetch import listing
from common.archive.retry import Patience
from common.cli.progress import progress_bar
from common.cli.training_options import TrainingOptions
from common.datasets.families import DEFAULT_STEMS, SPLITS, SYNTHETIC, all_families

UNKNOWN = "only the default family and cached files are listed, but --dataset also takes other families"
BRIEF = Patience(attempts=2)  # two tries are enough: if the archive does not answer, the list shows only cached files


def list_datasets(task: str, options: TrainingOptions, patience: Patience = BRIEF) -> str:
    """Returns a table of a task's datasets: those in the archive, if it has index pages, and those in the cache."""
    url, families = options.archive_url, all_families(task)
    served, how = set(), "not asked (--offline); only the default family and cached files are listed"
    if not options.offline:
        served, how = _served(task, url, patience)
    width = max(len(family.stem) for family in families)
    lines = [f"{task} datasets; the archive {url}: {how}", "", f"{'stem':<{width}}  {'archive':<21}  cached"]
    for family in families:
        cached = [split for split in SPLITS if (options.data_root / family.file(split)).is_file()]
        there = [split for split in SPLITS if family.file(split) in served]
        if there or cached or family.stem == DEFAULT_STEMS[task]:
            archive = "+".join(there) if served else "unknown"
            default = "  (default)" if family.stem == DEFAULT_STEMS[task] else ""
            lines.append(f"{family.stem:<{width}}  {archive or '-':<21}  {'+'.join(cached) or '-'}{default}")
    lines.append(f"{SYNTHETIC:<{width}}  {'-':<21}  rendered on this machine")
    return "\n".join(lines)


def _served(task: str, url: str, patience: Patience) -> tuple[set[str], str]:
    """Returns the paths of the files on the archive's index pages, and a description of the source."""
    try:
        folders = listing(task, url, patience=patience)
        if folders is None:
            return set(), f"has no index page; {UNKNOWN}"
        known = {family.folder for family in all_families(task)}
        folders = [f"{task}/{folder.rstrip('/')}" for folder in folders]
        folders = [folder for folder in folders if folder in known]
        bar = progress_bar(folders, desc="index pages", unit="page", leave=False)
        files = {f"{folder}/{name}" for folder in bar for name in listing(folder, url, patience=patience) or ()}
    except Unreachable as error:
        return set(), f"{error} {UNKNOWN.capitalize()}."
    return files, "according to its index pages" if files else f"lists no files; {UNKNOWN}"
