"""Implements the commands of `python3 mlflow_mirror`: status and sync for any number of runs."""

import time
from pathlib import Path

from common.cli import launch
from common.cli.progress import progress_bar
from common.errors import UserError
from common.tracking import journal, journal_writer, server_state, writer_lock
from common.tracking.server_choice import check_store, readable, resolve, target_of, uri_of
from common.tracking.server_state import missing, place, targets
from common.tracking.trusted_servers import command_to_send, may_be_sent, named_now
from mlflow_mirror.mlflow_settings import prepare

_OTHERS_SECONDS = 60.0


def find_runs(names: list[Path], output_dir: Path) -> list[Path]:
    """Finds runs by their paths, or by their names in the output folder; if one is a grid, also finds its runs.

    Without names, finds all runs in the output folder.

    Raises:
        UserError: no run has this name.
    """
    if names:
        found = dict.fromkeys(_find_run(name, output_dir) for name in names)
        return list(found | dict.fromkeys(child for run in found for child in _children(run)))
    runs = _runs_in(output_dir)
    if not runs:
        print(f"No runs found in {output_dir}. Choose another folder with --output-dir.")
    for run in runs:
        if not journal.begun(run):
            print(f"{run.name}: killed before its first record, so nothing is known about it")
    return [run for run in runs if journal.begun(run)]


def _runs_in(folder: Path) -> list[Path]:
    return sorted(path.parents[1] for path in folder.glob("*/tracking/journal.jsonl"))


def _children(run: Path) -> list[Path]:
    """Returns the runs of a grid, which are in the same folder as the grid's own run."""
    uuid = journal.header(run)["uuid"]
    beside = (other for other in _runs_in(run.parent) if journal.begun(other))
    return [other for other in beside if journal.header(other).get("parent") == uuid]


def _find_run(name: Path, output_dir: Path) -> Path:
    for path in (name, output_dir / name):
        if journal.begun(path):
            return path.resolve()
        if below := len(_runs_in(path)):
            raise UserError(
                f"This is a folder of runs, not a run. Received: {name}. "
                f"For the runs in it ({below}): --output-dir {launch.shortest(path)}."
            )
    raise UserError(
        f"There is no tracked run in this folder: it has no tracking/journal.jsonl. Received: {name}. "
        f"Name a run in {output_dir}, or choose another folder of runs with --output-dir."
    )


def status(runs: list[Path]) -> int:
    """Prints one line per run and server. Returns 0 if every server has everything, else 1."""
    runs, left = _usable(runs)
    for run in runs:
        print(f"{run.name}  {_state(run)}")
        for target in targets(run):
            lacks, mark = missing(run, target), server_state.load(run, target)
            left |= bool(lacks)
            refused = (f"refused {item}: {why}" for item, why in mark.refused.items())
            whole = "somebody deleted the run there" if mark.deleted else "; ".join(["has everything", *refused])
            print(f"    {place(run, target)}: {f'lacks {lacks}' if lacks else whole}")
    return int(left)


def _usable(runs: list[Path]) -> tuple[list[Path], bool]:
    """Returns the runs with a safe folder, and whether any run is skipped; prints skipped runs and invalid records."""
    usable = []
    for run in runs:
        if fault := journal.fault_of_folder(run):
            print(f"{run.name} is skipped: {fault}")
            continue
        usable.append(run)
        if bad := journal.bad_lines(run):
            more = f" (and other lines: {len(bad) - 1})" if bad[1:] else ""
            print(f"{run.name}: ignored in its journal: {bad[0]}{more}")
    return usable, len(usable) < len(runs)


def sync(runs: list[Path], output_dir: Path, to: str | None = None) -> int:
    """Marks runs as ended if their process died, and sends what servers lack. Returns 0 if nothing is missing, else 1.

    Args:
        runs: run folders. output_dir: the folder with the local store for `to` = "local".
        to: send only to this server, which is added to the servers of each run. None: send to all servers of each run.

    Raises:
        UserError: `to` is not a server, or is a local store that cannot be opened.
    """
    uri = resolve(to, output_dir) if to is not None else None
    if uri:
        check_store(uri, output_dir)
    named = {uri} if uri else named_now() | {resolve("local", output_dir)}
    runs, left = _usable(runs)
    runs = sorted(runs, key=lambda run: journal.header(run).get("parent") is not None)  # parents before children
    jobs: list[tuple[Path, str]] = []
    refused = 0
    for run in runs:
        if journal_writer.repair(run):
            print(f"{run.name}: its process died; marked as KILLED")
        for target in [target_of(run, uri)] if uri else targets(run):
            if may_be_sent(run, target, named):
                jobs.append((run, target))
                if to and not server_state.mark_path(run, target).exists():
                    server_state.save(run, server_state.Mark(target))
            elif missing(run, target):
                print(
                    f"{run.name}: nothing is sent to {readable(uri_of(run, target))}, because only the "
                    f"run's folder names this server. If you trust it: {command_to_send(run, target)}"
                )
                refused += 1
    if jobs:
        left |= _send(jobs, refused)
    return int(left or refused > 0)


def _send(jobs: list[tuple[Path, str]], refused: int) -> bool:
    """Sends runs to their servers, one after the other; prints what is missing, and returns whether anything is
    missing.

    refused: how many times a run was not sent to one of its servers because the user did not choose this server.
    """
    prepare()
    from mlflow_mirror.worker import Carrier

    carriers: dict[str, Carrier] = {}
    with progress_bar(total=len(jobs), unit=" runs", desc="sync") as bar:
        for run, target in jobs:
            uri = uri_of(run, target)
            carriers.setdefault(uri, Carrier(uri, _OTHERS_SECONDS, bar.update)).jobs.append((run, target))
        faults = {uri: carrier.finish() for uri, carrier in carriers.items()}
    for uri, by_run in faults.items():
        if carriers[uri].away:
            print(f"{readable(uri)} is not available: {carriers[uri].away}")
        for run, fault in by_run.items():
            # "missing": the folder is gone, or another process is sending the run. `missing()` does not report such a
            # fault.
            if fault.kind == "missing":
                print(f"{run.name}: cannot be sent to {readable(uri)}: {fault.words}")
    left = {job: lacks for job in jobs if (lacks := missing(*job))}
    for (run, target), lacks in left.items():
        if not carriers[uri_of(run, target)].away:
            print(f"{run.name}: {readable(uri_of(run, target))} lacks {lacks}")
    print(f"complete mirrors: {len(jobs) - len(left)} of {len(jobs) + refused}")
    return bool(left)


def _state(run: Path) -> str:
    state, moment = journal.last_status(run)
    if state == "RUNNING" and not writer_lock.is_alive(run):
        state = "died (sync marks it as KILLED)"
    elif state == "KILLED":
        state = "stopped or killed (KILLED in MLflow)"
    return f"{state}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(moment / 1000))}"
