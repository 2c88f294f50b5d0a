"""The commands of `python3 common/tracking`: status and sync for any number of runs."""

import sys
import time
from pathlib import Path

from filelock import Timeout
from tqdm import tqdm

from common.errors import UserError
from common.tracking import journal, journal_writer, server_state
from common.tracking.mirror.mlflow_settings import prepare
from common.tracking.pending import pending, place, targets
from common.tracking.server_choice import (
    how_to_send,
    is_http,
    may_be_sent,
    named_now,
    probe,
    readable,
    resolve,
    target_of,
    uri_of,
)
from common.tracking.server_errors import words_of

_ATTEMPTS = 3
_OTHERS_SECONDS = 60.0
_BAD_LINES = 5  # number shown per journal


def find_runs(names: list[Path], output_dir: Path) -> list[Path]:
    """The run folders to work on: paths, names inside the output folder, or all its runs if none is named.

    Raises:
        UserError: there is no run of this name.
    """
    if not names:
        found = sorted(path.parents[1] for path in output_dir.glob("*/tracking/journal.jsonl"))
        for run in found:
            if not journal.begun(run):
                print(f"{run.name}: nothing is known about it, because it was killed before its first record")
        return [run for run in found if journal.begun(run)]
    runs = []
    for name in names:
        found = [path for path in (name, output_dir / name) if journal.begun(path)]
        if not found:
            raise UserError(f"There is no tracked run in this folder. Received: {name}.")
        runs.append(found[0].resolve())
    return runs


def status(runs: list[Path]) -> int:
    """Prints one line per run and server. Returns 0 if nothing is pending, else 1."""
    runs, left = _usable(runs)
    for run in runs:
        print(f"{run.name}  {_state(run)}")
        for target in targets(run):
            missing = pending(run, target)
            left |= bool(missing)
            words = f"lacks {missing.words()}" if missing else missing.fault or "has everything"
            print(f"    {place(run, target)}: {words}")
    if not runs:
        print("no runs")
    return int(left)


def _usable(runs: list[Path]) -> tuple[list[Path], bool]:
    """The runs with a writable folder, and whether there are others. Prints a line for those and for bad records."""
    usable = []
    for run in runs:
        if fault := journal.fault_of_folder(run):
            print(f"{run.name} is skipped: {fault}")
            continue
        usable.append(run)
        bad = journal.bad_lines(run)
        for line in bad[:_BAD_LINES]:
            print(f"{run.name}: ignored in its journal: {line}")
        if len(bad) > _BAD_LINES:
            print(f"{run.name}: and {len(bad) - _BAD_LINES} more such lines")
    return usable, len(usable) < len(runs)


def sync(runs: list[Path], output_dir: Path, to: str | None = None) -> int:
    """Ends runs whose process died, and sends what is missing. Returns 0 if nothing is pending, else 1.

    Args:
        runs: run folders. output_dir: the folder with the local store for `to` = "local".
        to: the only server to send to, which becomes one of the run's servers. None: all servers of each run.

    Raises:
        UserError: `to` is not a server.
    """
    uri = resolve(to, output_dir) if to else None
    named = {uri} if uri else named_now() | {resolve("local", output_dir)}
    runs, left = _usable(runs)
    runs = sorted(runs, key=lambda run: journal.header(run).get("parent") is not None)  # a parent before its children
    for run in runs:
        if journal_writer.repair(run):
            print(f"{run.name}: its process died; it ends as KILLED")
    jobs = [(run, target) for run in runs for target in ([target_of(run, uri)] if uri else targets(run))]
    for run, target in jobs:
        if not may_be_sent(run, target, named) and pending(run, target):
            print(how_to_send(run, target))
            left = True
    jobs = [(run, target) for run, target in jobs if may_be_sent(run, target, named)]
    if to:
        for run, target in jobs:
            if not server_state.mark_path(run, target).exists():
                server_state.save(run, server_state.Mark(target))
    total = sum(_size(run, target) for run, target in jobs)
    away: dict[str, str] = {}
    with tqdm(total=total, unit="item", desc="sync", file=sys.stderr, disable=not jobs) as bar:
        for run, target in jobs:
            bar.set_postfix_str(run.name[-30:])
            try:
                _send(run, target, away, bar.update)
            except Exception as error:  # a fault in one run's folder must not stop the others
                print(f"{run.name}: cannot be sent to {readable(uri_of(run, target))}: {words_of(error)}")
    return _report(jobs, away) or int(left)


def _send(run: Path, target: str, away: dict[str, str], progress) -> None:
    """Sends one run to one server; an unreachable server is not tried again for the next run."""
    uri = uri_of(run, target)
    if uri in away:
        return
    prepare()
    from common.tracking.mirror.send import Sender

    sender = Sender(run, target, progress)
    try:
        # An active run is sent by its own process; another sync will be done with it in a moment.
        with sender.lock.acquire(timeout=0 if journal.is_alive(run) else _OTHERS_SECONDS):
            for attempt in range(_ATTEMPTS):
                fault = sender.step()
                if fault is None or fault.kind == "refused":
                    return
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(attempt + 1)
        # A fault of this run must not stop the others.
        if is_http(uri) and (reason := probe(uri)):
            away[uri] = reason
    except Timeout:
        print(f"{run.name}: another process is sending it to {readable(uri)}")


def _report(jobs: list[tuple[Path, str]], away: dict[str, str]) -> int:
    left = {job: missing for job in jobs if (missing := pending(*job))}
    for uri, words in away.items():
        print(f"{readable(uri)} is not available: {words}")
    for (run, target), missing in left.items():
        if uri_of(run, target) not in away:
            print(f"{run.name}: {readable(uri_of(run, target))} lacks {missing.words()}")
    print(f"{len(jobs) - len(left)} of {len(jobs)} mirrors have everything")
    return int(bool(left))


def _size(run: Path, target: str) -> int:
    missing = pending(run, target)
    return missing.records + len(missing.files)


def _state(run: Path) -> str:
    state, moment = journal.last_status(run)
    if state == "RUNNING":
        state = "RUNNING" if journal.is_alive(run) else "died (sync ends it as KILLED)"
    return f"{state}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(moment / 1000))}"
