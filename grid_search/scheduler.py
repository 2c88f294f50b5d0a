"""Drives a grid: assigns runs to slots, watches them, retries, prunes and stops them."""

import time

import ray

from common import tracking
from common.errors import UserError
from common.tracking.server_state import is_unsent
from grid_search import capacity, retries, run_folders
from grid_search.plan import Plan, Run
from grid_search.pruning import Pruner
from grid_search.run_progress import Place, Progress, Settings, wait_for_writer
from grid_search.slot import start_slot

LOOK_SECONDS = 1.0
FETCH_SECONDS = 5.0  # time between two fetches of the files of a run on another node
GROW_SECONDS = 10.0  # time between two searches for new nodes


class Scheduler:
    """One start of a grid, until all runs have ended or `stop` requests the end. overview: gets every event."""

    def __init__(self, plan: Plan, settings: Settings, overview, stop):
        self.plan, self.settings, self.overview, self.stop = plan, settings, overview, stop
        self.places: list[Place] = []
        self.futures: dict = {}  # pending request to a slot -> (kind, place)
        self.nodes: dict[str, bool | None] = {}  # node -> whether it has the driver's data; None while this is checked
        self.home = ray.get_runtime_context().get_node_id()
        self.pruner = Pruner(plan, settings.prune)
        self._grown, self._looked, self._broken = 0.0, 0.0, 0
        self.ended = False  # whether Ray itself has ended on the driver's node
        self.all = [self._begin(run) for run in plan.runs]

    def run(self) -> None:
        """Returns when all runs have ended or been stopped."""
        while any(progress.status in ("waiting", "running") for progress in self.all):
            if self.ended:
                break
            if self.stop():
                self._stop_all()
                if not any(progress.status == "running" for progress in self.all):
                    break
            else:
                self._grow()
                self._assign()
            self._wait()
            self._look()
        for progress in self.all:
            if progress.status in ("waiting", "running"):
                progress.status = "stopped"
        self.overview.close(self.all)

    # -- before

    def _begin(self, run: Run) -> Progress:
        """Resumes a run where an earlier start left it, and prints so."""
        progress = Progress(run, run_folders.read_state(self.plan, run))
        if progress.state.folder is None:
            return progress
        self.pruner.behind(run.index, progress.state)  # for comparison with others; it is not judged again
        if progress.state.status == "finished":
            progress.status = "finished"
        elif self.pruner.remembers(run.index):
            progress.status = "pruned"
        else:
            wait_for_writer(progress.state.folder)
        if is_unsent(progress.state.folder):  # the server was unreachable; this start may end before the run continues
            self._carry(progress)
        return progress

    # -- slots

    def _grow(self) -> None:
        """Makes a slot for every run that fits, when nodes appear or slots end."""
        if time.monotonic() - self._grown < GROW_SECONDS:
            return
        self._grown = time.monotonic()
        unfinished = sum(progress.status in ("waiting", "running") for progress in self.all)
        alive = capacity.nodes()
        self.ended = self.home not in alive
        usable = {node: told for node, told in alive.items() if self.nodes.get(node) is not False}
        fit = sum(self.settings.need.fit(node["Resources"]) for node in usable.values())
        for _ in range(min(self.settings.jobs, fit, unfinished) - len(self.places)):
            self._add_slot()

    def _add_slot(self) -> None:
        place = Place(start_slot(self.plan.module, self.home, self.settings.worker, self.settings.need))
        self.places.append(place)
        self._ask("ready", place, place.actor.about.remote())

    def _ask(self, kind: str, place: Place, future) -> None:
        self.futures[future] = (kind, place)

    def _remove(self, place: Place, words: str) -> None:
        """Removes a slot; its run waits again."""
        if place not in self.places:
            return
        self.places.remove(place)
        ray.kill(place.actor)
        self._grown = 0.0
        if place.work:
            self._lost(place.work, words)

    # -- runs

    def _assign(self) -> None:
        for place in self.places:
            if place.work or not place.about or not self._has_data(place):
                continue
            waiting = next((progress for progress in self.all if progress.status == "waiting"), None)
            if waiting is None:
                return
            self._give(place, waiting)

    def _has_data(self, place: Place) -> bool:
        """Whether the node has the driver's data; asks the first slot of each node."""
        node = place.about["node"]
        if not place.about["far"]:
            return True
        if node not in self.nodes:
            self.nodes[node] = None
            for options, _ in self.settings.digests:
                call = place.actor.check_data.remote(options, self.settings.defaults)
                self._ask("data", place, call)
        return bool(self.nodes[node])

    def _give(self, place: Place, progress: Progress) -> None:
        job = progress.begin(place.about, self.plan.log(progress.run), self.settings)
        place.work, place.stopping = progress, False
        self._ask("train", place, place.actor.train.remote(job))
        self.overview.started(progress)

    def _wait(self) -> None:
        """Handles the answers of slots at once, because a slot is idle until then."""
        if not self.futures:
            time.sleep(LOOK_SECONDS)
            return
        ray.wait(list(self.futures), timeout=LOOK_SECONDS)  # waits for one, then takes all that are ready
        ready, _ = ray.wait(list(self.futures), num_returns=len(self.futures), timeout=0)
        for future in ready:
            kind, place = self.futures.pop(future)
            if place not in self.places:
                continue
            try:
                getattr(self, f"_on_{kind}")(place, ray.get(future))
            except ray.exceptions.RayActorError as error:  # the slot's process or its whole node is gone
                self._remove(place, retries.why_lost(place, error))
            except ray.exceptions.RayError as error:
                self._on_error(kind, place, error)

    def _on_error(self, kind: str, place: Place, error) -> None:
        words = retries.first_line(getattr(error, "cause", None) or error)
        self._broken += kind == "ready"
        if self._broken >= retries.LOSSES:
            raise UserError(f"The process for runs does not start. Received: {words}")
        if kind == "data":
            self.nodes[place.about["node"]] = False
            self.overview.say(f"{place.about['host']} is not used because its data is missing: {words}")
        self._remove(place, words)

    def _on_ready(self, place: Place, about: dict) -> None:
        place.about, self._broken = about, 0

    def _on_data(self, place: Place, digests: dict) -> None:
        node = place.about["node"]
        if not any(digests == expected for _, expected in self.settings.digests):
            self.nodes[node] = False
            self.overview.say(f"{place.about['host']} is not used because its data differs from the driver's")
            for other in [other for other in self.places if other.about and other.about["node"] == node]:
                self._remove(other, "its node has different data")
        elif self.nodes[node] is None and ("data", place) not in self.futures.values():
            self.nodes[node] = True

    def _on_look(self, place: Place, changes: list) -> None:
        place.looking = False
        if place.work:
            place.work.receive(self.plan, changes)

    def _on_train(self, place: Place, result: tuple[int, list]) -> None:
        status, changes = result
        progress, place.work = place.work, None
        progress.receive(self.plan, changes)
        progress.let_go()
        self._refresh(progress)
        self.pruner.behind(progress.run.index, progress.state)  # its last epochs, for comparison with others
        if status == 0 and progress.state.status == "finished":
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
        if progress.state.folder:
            wait_for_writer(progress.state.folder, 10)
        retries.after_loss(progress, words)
        self.overview.ended(progress)

    # -- watching

    def _look(self) -> None:
        """Reads the progress of all runs, fetches files from other nodes, and prunes; every LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self.settings.tracked.mirror.keep_alive()
        for place in self.places:
            progress = place.work
            if not progress:
                continue
            if place.about["far"] and not place.looking and now - place.fetched > FETCH_SECONDS:
                place.looking, place.fetched = True, now
                self._ask("look", place, place.actor.look.remote())
            self._refresh(progress)
            if self.pruner.behind(progress.run.index, progress.state) and not place.stopping:
                progress.pruned = True
                self.pruner.remember(progress.run.index)
                self._stop(place)
                self.overview.say(f"{progress.run.label}: fell behind, stopped after epoch {len(progress.state.rows)}")
        self.overview.update(self.all)

    def _refresh(self, progress: Progress) -> None:
        progress.state = run_folders.read_state(self.plan, progress.run, progress.state.folder)
        self._carry(progress)

    def _carry(self, progress: Progress) -> None:
        """Tells the grid's tracking process, if there is one, to send this run, too."""
        folder = progress.state.folder
        if folder and tracking.begun(folder):
            self.settings.tracked.mirror.carry(folder)

    def _stop(self, place: Place) -> None:
        place.stopping = True
        place.actor.stop.remote()  # a slot that is lost meanwhile is noticed by its other calls

    def _stop_all(self) -> None:
        for place in self.places:
            if place.work and not place.stopping:
                self._stop(place)
        for progress in self.all:
            if progress.status == "waiting":
                progress.status = "stopped"
