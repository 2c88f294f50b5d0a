"""Schedules a grid: assigns runs to slots, observes, retries, prunes and stops them."""

import time
from collections import Counter
from dataclasses import dataclass
from math import inf

import ray

from common import tracking
from common.cli.stop_request import StopRequest
from common.errors import UserError
from common.runs.finished import is_finished
from common.tracking import journal
from common.tracking.server_state import missing
from grid_search import capacity, retries
from grid_search.live_view import LiveView
from grid_search.plan import Plan
from grid_search.pruning import Pruner
from grid_search.run_progress import Progress
from grid_search.slot import Setup, start_slot

LOOK_SECONDS = 1.0
FETCH_SECONDS = 5.0  # how often the files of a run on another node are fetched
GROW_SECONDS = 10.0  # how often to look for new nodes


@dataclass(eq=False)
class Place:
    """A slot as the driver sees it; host: "" until the slot is ready."""

    node: str
    actor: object
    host: str = ""
    work: Progress | None = None
    next_fetch: float = 0.0
    stopping: bool = False


class Scheduler:
    """Schedules the runs of a grid until all of them have ended or `stop` is requested.

    runs: the progress of each run. mirror: the process that sends the grid's run to the server, `tracking.Run.mirror`.
    """

    def __init__(self, plan: Plan, setup: Setup, runs: list[Progress], mirror, stop: StopRequest, prune: bool):
        self.plan, self.setup, self.all, self.mirror, self.stop = plan, setup, runs, mirror, stop
        self.overview, self.pruner = LiveView(plan, setup.jobs), Pruner(plan, prune)
        self.places: list[Place] = []
        self.futures: dict = {}  # pending request to a slot -> (place, what to do with the answer)
        self.unusable: set[str] = set()  # nodes that lack the driver's data
        self._grown, self._looked, self._broken = 0.0, 0.0, 0
        self.ended = False  # whether Ray itself has ended on the driver's node
        for progress in runs:
            self._begin(progress)

    def run(self) -> None:
        """Runs the grid; returns when all runs have ended or been stopped."""
        while not self.ended and self._with("waiting", "running"):
            if not self.stop():
                self._grow()
                self._assign()
            elif self._with("running"):
                for place in self.places:
                    self._stop(place)
            else:
                break
            self._wait()
            self._look()
        for progress in self._with("waiting", "running"):
            progress.status = "stopped"
        self.overview.close(self.all)

    def _with(self, *statuses: str) -> list[Progress]:
        return [progress for progress in self.all if progress.status in statuses]

    def _begin(self, progress: Progress) -> None:
        self.pruner.behind(progress)  # only records the run's epochs, so that later runs are compared with them
        if progress.status != "finished":
            progress.status = "pruned" if self.pruner.remembers(progress.run.index) else "waiting"
            progress.wait_for_writer(60)
        run = progress.folder
        if run and tracking.begun(run) and any(missing(run, server) for server in journal.servers(run)):
            self._carry(progress)  # sent now, because the grid may be stopped before this run resumes

    # -- slots

    def _grow(self) -> None:
        """Starts as many slots as fit, also on nodes that have joined the cluster since the last call."""
        if time.monotonic() - self._grown < GROW_SECONDS:
            return
        self._grown = time.monotonic()
        alive = capacity.nodes()
        self.ended = self.setup.home not in alive
        usable = {node: told for node, told in alive.items() if node not in self.unusable}
        room = Counter({node: self.setup.need.fit(told["Resources"]) for node, told in usable.items()})
        room.subtract(place.node for place in self.places)
        for _ in range(min(self.setup.jobs, len(self._with("waiting", "running"))) - len(self.places)):
            node = max(usable, key=room.get, default=None)
            if node is None or room[node] < 1:
                return
            room[node] -= 1
            place = Place(node, start_slot(self.setup, node))
            self.places.append(place)
            self.futures[place.actor.about.remote()] = (place, self._on_ready)

    def _remove(self, place: Place, words: str) -> None:
        """Removes a slot; its run waits for another slot, or fails."""
        self.places.remove(place)
        ray.kill(place.actor)
        self._grown = 0.0
        if place.work:
            self._lost(place.work, words)

    # -- runs

    def _assign(self) -> None:
        free = [place for place in self.places if place.host and not place.work]
        for place, progress in zip(free, self._with("waiting"), strict=False):
            far = place.node != self.setup.home
            job = progress.begin(place.host, far, self.plan.log(progress.run))
            place.work, place.stopping = progress, False
            self.futures[place.actor.train.remote(*job)] = (place, self._on_train)
            self.overview.started(progress)

    def _wait(self) -> None:
        """Waits for replies from slots, and handles each reply immediately, because a slot is idle until then."""
        if not self.futures:
            time.sleep(LOOK_SECONDS)
            return
        ray.wait(list(self.futures), timeout=LOOK_SECONDS)  # returns as soon as one reply is ready
        ready, _ = ray.wait(list(self.futures), num_returns=len(self.futures), timeout=0)
        for future in ready:
            place, answered = self.futures.pop(future)
            if place not in self.places:
                continue
            try:
                answered(place, ray.get(future))
            except ray.exceptions.RayError as error:
                self._on_error(place, error)

    def _on_error(self, place: Place, error) -> None:
        """Removes a slot that has failed: its process or node is gone, or it cannot start runs."""
        words = next(iter(str(getattr(error, "cause", None) or error).strip().splitlines()), type(error).__name__)[:200]
        if isinstance(error, ray.exceptions.ActorUnavailableError):  # Ray needs half a minute to declare a node dead
            words = "its node does not answer"
        elif place.node not in capacity.nodes():
            words = "its node is gone"
        elif isinstance(error, ray.exceptions.RayActorError):
            words = "its slot was killed"
        elif not place.host:
            self._broken += 1
            if self._broken >= retries.LOSSES:
                raise UserError(f"The process that starts runs cannot be started. Received: {words}")
        self._remove(place, words)

    def _on_ready(self, place: Place, about: tuple[str, str]) -> None:
        (place.host, fault), self._broken = about, 0
        if fault:
            if place.node not in self.unusable:
                self.overview.say(f"{place.host} is not used because {fault}")
            self.unusable.add(place.node)
            self._remove(place, fault)

    def _on_look(self, place: Place, changes: list) -> None:
        place.next_fetch = time.monotonic() + FETCH_SECONDS
        if place.work:
            place.work.receive(self.plan, changes)

    def _on_train(self, place: Place, result: tuple[int, list]) -> None:
        status, changes = result
        progress, place.work = place.work, None
        progress.receive(self.plan, changes)
        progress.let_go()
        self._refresh(progress)
        self.pruner.behind(progress)  # records the run's last epochs, so that other runs are compared with them
        if status == 0 and progress.folder and is_finished(progress.folder):
            progress.status = "finished"
        elif progress.pruned:
            progress.status = "pruned"
        elif self.stop():
            progress.status = "stopped"
        else:
            retries.after_failure(progress, status, self.plan.log(progress.run))
        self.overview.ended(progress)

    def _lost(self, progress: Progress, words: str) -> None:
        progress.let_go()
        self._refresh(progress)
        progress.wait_for_writer(10)
        retries.after_loss(progress, words)
        self.overview.ended(progress)

    # -- watching

    def _look(self) -> None:
        """Reads the progress of all runs every LOOK_SECONDS, fetches files from other nodes, and prunes runs."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self.mirror.keep_alive()
        for place in [place for place in self.places if place.work]:
            progress = place.work
            if place.node != self.setup.home and now > place.next_fetch:
                place.next_fetch = inf
                self.futures[place.actor.look.remote()] = (place, self._on_look)
            self._refresh(progress)
            if self.pruner.behind(progress) and not place.stopping:
                progress.pruned = True
                self.pruner.remember(progress.run.index)
                self._stop(place)
                self.overview.say(f"{progress.run.label}: fell behind, stopped after epoch {len(progress.rows)}")
        self.overview.update(self.all)

    def _refresh(self, progress: Progress) -> None:
        progress.read(self.plan)
        self._carry(progress)

    def _carry(self, progress: Progress) -> None:
        """Asks the grid's tracking process, if there is one, to send this run, too."""
        if progress.folder and tracking.begun(progress.folder):
            self.mirror.carry(progress.folder)

    def _stop(self, place: Place) -> None:
        if place.work and not place.stopping:
            place.stopping = True
            # If the slot is lost before it stops its run, the pending call of `train` fails, and `_on_error` is called.
            place.actor.stop.remote()
