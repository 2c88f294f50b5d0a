"""Runs or resumes a grid, from reading the data to writing the ranking."""

import json
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import ray
from filelock import FileLock, Timeout

from common import provenance, tracking
from common.cli.stop_request import StopRequest
from common.cli.training_options import TrainingOptions
from common.datasets.families import short_name
from common.errors import UserError
from common.tracking.server_choice import target_of
from grid_search import capacity, connect_to_ray, run_folders
from grid_search.options import GridOptions
from grid_search.plan import Plan, find_module
from grid_search.report import write_report
from grid_search.run_progress import Progress
from grid_search.scheduler import Scheduler
from grid_search.slot import Setup, meeting_place, start_worker

# The options that determine which data a run uses. The seed decides which patches are split off for validation.
DATA = ("dataset", "data_train", "data_val", "data_test", "seed")


def run(plan: Plan, checked: list[TrainingOptions], options: GridOptions, address: str) -> int:
    """Runs all unfinished runs; returns 0 if all succeeded, 1 if some failed, or 128 + the signal that stopped them.

    Raises:
        UserError: the data, a server or the cluster cannot be used, or the grid is already running.
    """
    first = checked[0]
    server = tracking.choose_server(first.tracking, first.output_dir, require=first.require_tracking)
    print(server.words)
    digests, data_bytes, dataset = fetch_data(find_module(plan.module).load_data, checked)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with _alone(plan), _worker(plan, first.threads, start=not options.dry_run) as worker:
        run_folders.remove_empty_folders(plan)
        with connect_to_ray.connected(address, plan.folder):
            need = capacity.needs(first.threads, options.gpus_per_training, options.memory, data_bytes)
            runs = [Progress.on_disk(plan, one) for one in plan.runs]
            jobs = tell_plan(plan, runs, need, options)
            if options.dry_run:
                return 0
            plan.write()
            (plan.folder / "logs").mkdir(exist_ok=True)
            with grid_run(plan, server, dataset) as tracked, StopRequest() as stop:
                # Where the runs are tracked, as a path relative to a run's folder, so that it is valid on every node.
                servers = json.dumps([target_of(plan.folder, uri) for uri in (server.uri, server.wanted)])
                environment = {"BALL_PARENT_RUN": tracked.uuid, "BALL_GRID_SERVERS": servers}
                usual = TrainingOptions()
                same = (name for name in ("data_root", "archive_url") if getattr(first, name) == getattr(usual, name))
                home = ray.get_runtime_context().get_node_id()
                setup = Setup(plan.module, jobs, home, worker, need, tuple(same), environment, tuple(digests))
                drive = Scheduler(plan, setup, runs, tracked.mirror, stop, options.prune)
                drive.run()
                tracked.status = "KILLED" if stop() or drive.ended else "FINISHED"
                return finish(plan, drive, tracked, stop)


@contextmanager
def grid_run(plan: Plan, server: tracking.Server, dataset: str) -> Iterator[tracking.Run]:
    """Yields the grid's own tracked run, which is the parent of the other runs.

    When the block ends, the grid's run ends with the status in the run's attribute `status` (default: FAILED).
    """
    arrays = {name: " | ".join(values) for name, values in plan.varies.items()}
    info = tracking.RunInfo(
        experiment=plan.experiment,
        name=f"grid of {len(plan.runs)} {dataset} {plan.name[-8:]}",
        parameters={"module": plan.module, "runs": len(plan.runs), "metric": plan.metric, **arrays},
        tags={"grid": plan.name, **provenance.provenance()},
        source=plan.module,
    )
    tracked = tracking.start(plan.folder, server, info, resume=tracking.begun(plan.folder))
    tracked.status = "FAILED"
    try:
        yield tracked
    except KeyboardInterrupt:
        tracked.status = "KILLED"
        raise
    finally:
        print(tracked.finish(tracked.status))


def fetch_data(load_data: Callable, checked: list[TrainingOptions]) -> tuple[list, int, str]:
    """Reads the data of all runs once, and prints a description of it.

    Returns:
        [(options, digest per split)] with one item per dataset; the size of the largest dataset in bytes; a short name
        for all datasets.
    """
    kinds = {json.dumps([options.as_json()[name] for name in DATA]): options for options in checked}
    digests, largest, words, names = [], 0, {}, set()
    for options in kinds.values():
        splits = load_data(options)
        parts = splits.parts
        digests.append((options.as_json(), {split: part.digest for split, part in parts.items()}))
        largest = max(largest, sum(part.X.nbytes for part in parts.values()))
        names.add("SYNTHETIC-FALLBACK" if splits.substituted else short_name(splits.name))
        sizes = ", ".join(f"{len(part):,} {split}" for split, part in parts.items())
        words[f"data: {splits.name} ({sizes})"] = None
    print("\n".join(words))
    return digests, largest, names.pop() if len(names) == 1 else f"{len(names)} datasets"


def tell_plan(plan: Plan, runs: list[Progress], need: capacity.Needs, options: GridOptions) -> int:
    """Prints how many runs there are, how many of them run at the same time, and on which nodes.

    Returns:
        The number of runs that train at the same time.

    Raises:
        UserError: not even one run fits.
    """
    fit, places = capacity.count_and_places(need)
    if not fit:
        raise UserError(f"No run fits on this machine or cluster. Received: {places}.")
    jobs = min(options.jobs or fit, fit, len(plan.runs))
    for name, values in plan.varies.items():
        print(f"  {name}: {' | '.join(values)}")
    known, finished = (sum(run.status in of for run in runs) for of in (("stopped", "running"), ("finished",)))
    before = f" ({finished} finished, {known} started before)" if known or finished else ""
    print(f"{len(plan.runs)} run{'s' * (len(plan.runs) != 1)}{before}, {jobs} at the same time ({fit} fit): {places}")
    print(f"grid: {plan.folder}")
    return jobs


def finish(plan: Plan, drive: Scheduler, tracked: tracking.Run, stop: StopRequest) -> int:
    """Writes and tracks the report, prints which runs failed, and returns the exit status."""
    print(write_report(plan, drive.all))
    counts = Counter(progress.status for progress in drive.all)
    # Counts of 0 are tracked, too, because a count may have been larger before the grid was resumed.
    numbers = {f"runs_{status}": counts[status] for status in ("finished", "pruned", "failed", "stopped")}
    if found := [quality for p in drive.all if (quality := p.best(plan.metric)) is not None]:
        numbers[f"best_{plan.metric}"] = plan.best(found)
    tracked.metrics(numbers, step=1)
    for path in sorted(plan.folder.iterdir()):
        if path.suffix in (".csv", ".png", ".json", ".txt", ".html") and not path.name.startswith("."):
            tracked.artifact(path)
    for progress in drive.all:
        if progress.status == "failed":
            print(f"failed: {progress.run.index:03} {progress.run.label}: {progress.reason}")
    if stop():
        print("stopped; run the same command again to resume")
        return stop.status
    if drive.ended:
        print("Ray was killed or has died; run the same command again to resume")
    return int(counts["failed"] > 0 or drive.ended)


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    lock = FileLock(plan.folder / "grid.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"This grid is already running. Received: {plan.folder}. See --report.") from None
    with lock:
        try:
            yield
        finally:
            if not (plan.folder / "plan.json").exists():  # this was a dry run, or no run fits
                shutil.rmtree(plan.folder, ignore_errors=True)
                with suppress(OSError):
                    plan.folder.parent.rmdir()


@contextmanager
def _worker(plan: Plan, threads: int, start: bool) -> Iterator[str]:
    """Yields the socket of this node's fork server, which does its imports while Ray starts."""
    place = meeting_place(secrets.token_hex(8))
    if not start:
        yield str(place)
        return
    with start_worker(plan.module, place, threads) as process:
        try:
            yield str(place)
        finally:
            process.kill()  # the forks of the slots end by themselves
            for path in (place, place.with_suffix(".lock")):
                path.unlink(missing_ok=True)
