"""Drives a grid: gives runs to slots, watches them, tries again, prunes, stops."""

import time
from dataclasses import dataclass

import ray

from common import tracking
from common.errors import UserError
from common.tracking.pending import is_unsent
from grid_search import capacity, retries, run_folders
from grid_search.plan import Plan, Training
from grid_search.pruning import Pruner
from grid_search.run_folders import State
from grid_search.run_status import Place, Progress, wait_for_writer
from grid_search.slot import Job, Slot

LOOK_SECONDS = 1.0
FETCH_SECONDS = 5.0  # between two fetches of what a run on another node wrote
GROW_SECONDS = 10.0  # between two looks for new nodes


@dataclass
class Settings:
    """What drives a grid beside its plan.

    worker: socket of the process on this node that all runs here are forks of. digests: of the data, which every
    node must have. tracked: the grid's run.
    """

    jobs: int
    worker: str
    need: capacity.Needs
    defaults: tuple[str, ...]
    environment: dict[str, str]
    digests: list[tuple[dict, dict]]
    tracked: object
    prune: bool


class Scheduler:
    """One start of a grid, to its end or until `stop`. overview: is told what happens."""

    def __init__(self, plan: Plan, settings: Settings, overview, stop):
        self.plan, self.settings, self.overview, self.stop = plan, settings, overview, stop
        self.places: list[Place] = []
        self.futures: dict = {}  # what is asked of the slots -> (kind, place)
        self.nodes: dict[str, bool | None] = {}  # node -> whether its data is the driver's; None: being checked
        self.home = ray.get_runtime_context().get_node_id()
        self.pruner = None
        self._grown, self._looked, self._broken = 0.0, 0.0, 0
        self.ended = False  # Ray itself has, here where the driver is
        self.all = [self._begin(training) for training in plan.trainings]

    def run(self) -> None:
        """Returns when every run has finished or was stopped."""
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

    def _begin(self, training: Training) -> Progress:
        """Resumes a run where an earlier start left it, and says so."""
        progress = Progress(training, run_folders.read_state(self.plan, training))
        if progress.state.folder is None:
            return progress
        self._behind(progress.state, training.index)  # remembered; who went on in an earlier start is not judged again
        if progress.state.status == "finished":
            progress.status = "finished"
        elif self.settings.prune and str(training.index) in self._pruned_before():
            progress.status = "pruned"
        else:
            wait_for_writer(progress.state.folder)
        if is_unsent(progress.state.folder):  # the server was away; this start may end before the training goes on
            self._carry(progress)
        return progress

    def _pruned_before(self) -> list[str]:
        path = self.plan.folder / "pruned.txt"
        return path.read_text().split() if path.exists() else []

    # -- slots

    def _grow(self) -> None:
        """Makes a slot for every run that fits, as nodes come and slots go."""
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
        need = self.settings.need
        remote = ray.remote(Slot).options(
            num_cpus=need.threads,
            num_gpus=need.gpus,
            memory=need.memory,
            max_concurrency=4,  # it trains, and answers meanwhile
            scheduling_strategy="SPREAD",
        )
        place = Place(remote.remote(self.plan.module, self.home, self.settings.worker, need.threads))
        self.places.append(place)
        self._ask("ready", place, place.actor.about.remote())

    def _ask(self, kind: str, place: Place, future) -> None:
        self.futures[future] = (kind, place)

    def _remove(self, place: Place, words: str) -> None:
        """Gives a slot up; its training waits again."""
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
        """Whether the node's data is the driver's; asks it on the first slot of each node."""
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
        training, folder, far = progress.training, progress.state.folder, place.about["far"]
        log = self.plan.folder / "logs" / f"{training.index:03}.log"
        with log.open("a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} on {place.about['host']}: {training.label}\n")
        options = training.options | {"run_name": training.run_name, "resume": str(folder) if folder else None}
        options["offline"] |= not far  # the driver has fetched the data
        files = tuple(run_folders.changes(folder, {})) if folder and far else ()
        if folder and far:
            progress.hold()
        defaults = self.settings.defaults
        job = Job(options, defaults, str(log), self.settings.environment, files)
        progress.status, progress.host, progress.tries = "running", place.about["host"], progress.tries + 1
        progress.started, progress.first_row = time.monotonic(), len(progress.state.rows)
        place.work, place.stopping = progress, False
        self._ask("train", place, place.actor.train.remote(job))
        self.overview.started(progress)

    def _wait(self) -> None:
        """Handles what the slots answer, at once: until then a slot does nothing."""
        if not self.futures:
            time.sleep(LOOK_SECONDS)
            return
        ray.wait(list(self.futures), timeout=LOOK_SECONDS)  # for one, and then whatever is there
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
            raise UserError(f"No process for runs starts. Received: {words}")
        if kind == "data":
            self.nodes[place.about["node"]] = False
            self.overview.say(f"{place.about['host']} is not used, it lacks the data: {words}")
        self._remove(place, words)

    def _on_ready(self, place: Place, about: dict) -> None:
        place.about, self._broken = about, 0

    def _on_data(self, place: Place, digests: dict) -> None:
        node = place.about["node"]
        if not any(digests == expected for _, expected in self.settings.digests):
            self.nodes[node] = False
            self.overview.say(f"{place.about['host']} is not used: its data is not the driver's")
            for other in [other for other in self.places if other.about and other.about["node"] == node]:
                self._remove(other, "its node has other data")
        elif self.nodes[node] is None and ("data", place) not in self.futures.values():
            self.nodes[node] = True

    def _on_look(self, place: Place, changes: list) -> None:
        place.looking = False
        if place.work:
            place.work.receive(self.plan, changes)

    def _on_stop(self, place: Place, _) -> None:
        pass

    def _on_train(self, place: Place, result: tuple[int, list]) -> None:
        status, changes = result
        progress, place.work = place.work, None
        progress.receive(self.plan, changes)
        progress.let_go()
        self._refresh(progress)
        self._behind(progress.state, progress.training.index)  # its last epochs, for the others to be compared with
        if status == 0 and progress.state.status == "finished":
            progress.status = "finished"
        elif progress.pruned:
            progress.status = "pruned"
        elif self.stop():
            progress.status = "stopped"
        else:
            log = self.plan.folder / "logs" / f"{progress.training.index:03}.log"
            retries.after_failure(progress, status, log)
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
        """Reads how far every run is, fetches what others wrote, prunes; once in LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self.settings.tracked.keep_sending()
        for place in self.places:
            progress = place.work
            if not progress:
                continue
            if place.about["far"] and not place.looking and now - place.fetched > FETCH_SECONDS:
                place.looking, place.fetched = True, now
                self._ask("look", place, place.actor.look.remote())
            self._refresh(progress)
            if self._behind(progress.state, progress.training.index) and not place.stopping:
                place.stopping = progress.pruned = True
                with (self.plan.folder / "pruned.txt").open("a") as file:
                    file.write(f"{progress.training.index}\n")
                self._ask("stop", place, place.actor.stop.remote())
                self.overview.say(
                    f"{progress.training.label}: behind after epoch {len(progress.state.rows)}, stopping it"
                )
        self.overview.update(self.all)

    def _refresh(self, progress: Progress) -> None:
        progress.state = run_folders.read_state(self.plan, progress.training, progress.state.folder)
        self._carry(progress)

    def _carry(self, progress: Progress) -> None:
        """Has the grid's tracking process send this run, too, once there is one."""
        folder = progress.state.folder
        if folder and not progress.carried and tracking.begun(folder):
            progress.carried = True
            self.settings.tracked.carry(folder)

    def _behind(self, state: State, index: int) -> bool:
        """Whether a run should stop, by what the others reached."""
        if not self.settings.prune or not state.rows or self.plan.metric not in state.rows[-1]:
            return False
        if self.pruner is None:
            self.pruner = Pruner(self.plan.metric, self.plan.lower_is_better, state.epochs)
        return self.pruner.behind(index, state.rows) and len(state.rows) < state.epochs

    def _stop_all(self) -> None:
        for place in self.places:
            if place.work and not place.stopping:
                place.stopping = True
                self._ask("stop", place, place.actor.stop.remote())
        for progress in self.all:
            if progress.status == "waiting":
                progress.status = "stopped"
