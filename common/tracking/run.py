"""The tracking API for training. It writes everything to the run's folder first; another process sends the run."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from common import provenance
from common.errors import UserError
from common.tracking import journal, journal_writer, writer_lock
from common.tracking.check_record import TERMINAL
from common.tracking.mirror_process import MirrorProcess
from common.tracking.secrets import scrub
from common.tracking.server_choice import Server, target_of
from common.tracking.server_state import missing, place
from common.tracking.translate_for_mlflow import DESCRIPTION_TAG
from common.tracking.trusted_servers import command_to_send


@dataclass(frozen=True)
class RunInfo:
    """Describes a run; its servers show this description.

    experiment, name: as MLflow shows them. parent: `uuid` of the parent run, such as a grid, in the same experiment;
    the parent's process sends this run, too. source: path of the code in the repository; MLflow shows it with the
    commit in `tags`.
    """

    experiment: str
    name: str
    parameters: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)
    parent: str | None = None
    source: str = ""


def start(folder: Path, server: Server, info: RunInfo, resume: bool = False) -> "Run":
    """Starts a run in `folder`, or resumes the run in it, and starts the process that mirrors the run.

    Args:
        folder: the run folder; RUN/tracking is created inside.
        server: from choose_server. If the wanted server is unreachable, the run is kept locally and sent to it later.
        info: the description of the run; a resumed run keeps its experiment, name and parent.
        resume: resume the run in `folder`, on its previous servers and on `server`.

    Raises:
        UserError: the folder already contains a run (or none, with `resume`), or another process is writing to the run.
    """
    folder = Path(folder).resolve()
    if fault := journal.fault_of_folder(folder):
        raise UserError(f"This run cannot be recorded: {fault}. Received: {folder}.")
    journal.tracking_folder(folder).mkdir(parents=True, exist_ok=True)
    alive = writer_lock.hold(folder)
    try:
        if resume:
            journal.header(folder)
        elif journal.begun(folder):
            raise UserError(
                f"This folder already contains a run. Received: {folder}. Resume it, or choose another folder."
            )
        run = Run(folder, alive, server, info, resume)
    except BaseException:
        alive.release()
        raise
    if info.parent is None:
        run.mirror.start()
    return run


def add_files(folder: Path, paths: list[Path]) -> str:
    """Records files that were made after the end of a run, such as exports; the next sync sends them.

    Returns:
        For each server, a line that says where the run is, or which command sends the files; "" if the run has no
        servers or is being written.
    """
    folder = Path(folder).resolve()
    if not journal.begun(folder) or journal.fault_of_folder(folder):
        return ""
    known = {record["path"] for _, record in journal.read(folder) if record["kind"] == "artifact"}
    new = [path.name for path in paths if path.name not in known]
    try:
        with writer_lock.alive_lock(folder).acquire(timeout=0):
            if new:
                added = journal_writer.Journal(folder)
                for name in new:
                    added.append("artifact", path=name, folder="")
                added.close()
    except (Timeout, OSError, NotImplementedError):  # an active run records its files itself
        return ""
    return scrub("\n".join(_report(folder, target, []) for target in journal.servers(folder)))


class Run:
    """Records one run. Only `finish` waits for a server, and no method raises an exception if a server fails.

    mirror: the process that sends the run.
    """

    def __init__(self, folder: Path, alive, server: Server, info: RunInfo, resume: bool):
        """Records the run's start, see `start`. `alive`: the lock from `writer_lock.alive_lock`, already acquired."""
        self.folder, self._alive = folder, alive
        self._journal = journal_writer.Journal(folder)
        self.mirror = MirrorProcess(folder, (server.uri, server.wanted))
        self._ended = False
        servers = list(dict.fromkeys(target_of(folder, uri) for uri in (server.uri, server.wanted)))
        if resume:
            self._journal.append("resume", servers=servers)
        else:
            named = {"experiment": info.experiment, "name": info.name, "user": provenance.user()}
            self._journal.append("run", uuid=uuid.uuid4().hex, **named, servers=servers, parent=info.parent)
        self.parameters(info.parameters)
        source = {"mlflow.source.name": info.source, "mlflow.source.type": "LOCAL"} if info.source else {}
        if source and (commit := info.tags.get("commit", "unknown")) != "unknown":
            source["mlflow.source.git.commit"] = commit
        self.tags(info.tags | source)

    @property
    def uuid(self) -> str:
        """The run's id on every server; its child runs name this id as their `parent`."""
        return journal.header(self.folder)["uuid"]

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Writes the metrics of one step (epoch) to the file before it returns. NaN and infinity are kept."""
        self._journal.append("metrics", step=int(step), values={name: float(value) for name, value in values.items()})
        self.mirror.keep_alive()

    def parameters(self, values: dict) -> None:
        """Records parameters; values become strings. If a value differs after a resume, both values are kept."""
        if values:
            self._journal.append("parameters", values={str(name): str(value) for name, value in values.items()})

    def tags(self, values: dict) -> None:
        """Records tags; values become strings, and a later value replaces an earlier one."""
        if values:
            self._journal.append("tags", values={str(name): str(value) for name, value in values.items()})

    def describe(self, markdown: str) -> None:
        """Sets the description on the run's page. MLflow renders Markdown, but shows HTML as text."""
        self.tags({DESCRIPTION_TAG: markdown})

    def dataset(self, name: str, *, digest: str, source: str, context: str, patches: int) -> None:
        """Records a dataset. `digest`: sha256 of its content. `context`: "training", "validation" or "test"."""
        self._journal.append(
            "dataset", name=name, digest=digest, source=str(source), context=context, patches=int(patches)
        )

    def artifact(self, path: Path, folder: str = "") -> None:
        """Records a complete file inside the run folder; the file is sent to `folder` in the run's artifacts.

        Raises:
            ValueError: the file is not inside the run folder.
        """
        path = (self.folder / path).resolve()
        if not path.is_relative_to(self.folder):
            raise ValueError(f"An artifact must be inside the run folder. Received: {path}, run folder {self.folder}")
        self._journal.append("artifact", path=path.relative_to(self.folder).as_posix(), folder=folder)

    def finish(self, status: str = "FINISHED", wait_s: float | None = None) -> str:
        """Ends the run as FINISHED, FAILED or KILLED, and waits until it is sent; see `MirrorProcess.end`.

        A second call changes nothing.

        Returns:
            One line for each server: where the run is, or what is still missing there and which command sends it.
            This includes the other runs that the process sends.
        """
        if status not in TERMINAL:
            raise ValueError(f"The final status must be one of {', '.join(TERMINAL)}. Received: {status!r}")
        lines = []
        if not self._ended:
            self._ended = True
            self._journal.append("status", status=status)
            if not self._journal.close():
                lines = [f"The journal in {self.folder} could not be written completely."]
            self._alive.release()
            self.mirror.end(wait_s)
        for target in journal.servers(self.folder):
            lines.append(_report(self.folder, target, self.mirror.runs[1:]))
        return scrub("\n".join(lines))


def _report(folder: Path, target: str, children: list[Path]) -> str:
    left, where = missing(folder, target), place(folder, target)
    behind = [child for child in children if target in journal.servers(child) and missing(child, target)]
    if not left and not behind:
        return f"Tracked: {where}"
    words = [left] if left else []
    words += [f"{len(behind)} of its {len(children)} runs"] if behind else []
    command = command_to_send(folder, target)
    return f"Not yet on {where}: {' and '.join(words)}. Send the rest with: {command}"
