"""Sends one run to one MLflow server: whatever the journal has and the server has not. Only this module calls MLflow.

Everything may be repeated: the run is found by its uuid tag, a metric point is stored once however often it arrives,
parameters, tags, datasets and files are simply set again.
"""

import contextlib
import hashlib
import os
import posixpath
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from common import telemetry
from common.tracking import journal, marks, store
from common.tracking.faults import Fault, fault_of
from common.tracking.servers import is_http
from common.tracking.translate import NAME_LENGTH, NOTES_TAG, UUID_TAG, Batch, Translator, clean

# Slow is not down: a server that answers after a minute still gets everything. The training never waits for this.
_REQUEST_SECONDS = 90
_METRICS, _TEXTS, _DATASETS = 1000, 50, 20  # per request; MLflow allows 1000 and 100, and 1 MB in all
REFUSED_TAG = "tracking.refused"


def prepare() -> None:
    """Settings of this process for MLflow; call it before MLflow is imported.

    No own retries (the caller backs off), no usage reports, no progress bars, no log lines that hold addresses, and
    no way to switch the check of certificates off.
    """
    import logging

    telemetry.switch_off()
    os.environ.pop("MLFLOW_TRACKING_INSECURE_TLS", None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(_REQUEST_SECONDS))
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_LOGGING_LEVEL"] = "CRITICAL"
    for name in ("mlflow", "urllib3", "requests", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")


class Sender:
    """One run on its way to one server. Not shared between threads; `lock` keeps other processes away."""

    def __init__(self, run: Path, server: str):
        from filelock import FileLock

        self.run, self.server = Path(run), server
        path = marks.mark_path(run, server)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        self.header = journal.header(run)
        self._client = None
        self._restart()

    def step(self) -> Fault | None:
        """Sends what there is now. Returns what stood in the way, None when everything arrived. Never raises."""
        fault = None
        try:
            if self._client is None:
                self._client = store.open_client(self.server)
            fault = self._send()
        except Exception as error:
            fault = fault_of(error)
            if fault.kind == "missing":  # the server came back empty, or somebody wiped it: from the beginning
                self._forget()
            self._sure = False
        self.mark.fault = fault.words if fault else ""
        with contextlib.suppress(OSError):
            marks.save(self.run, self.mark)
        return fault

    def _send(self) -> Fault | None:
        self._find_run()
        self._send_records()
        fault = self._send_files()
        self._send_end()
        return fault

    def _restart(self) -> None:
        """Takes up the stored mark: another process may have sent something since."""
        self.mark = marks.load(self.run, self.server)
        self._sure = False  # whether the server was seen to have the run since the last fault
        self._tried: dict[str, str] = {}  # files that the server refused in this session: path -> sha256
        self._hashes: dict[str, tuple[tuple, str]] = {}
        self.translator = Translator()
        for offset, record in journal.read(self.run):
            if offset > self.mark.offset:
                break
            self.translator.read(record, Batch())

    def _forget(self) -> None:
        self.mark = marks.Mark(self.server)
        marks.save(self.run, self.mark)
        self._restart()

    def _write(self, function, *arguments, **keywords):
        """Calls MLflow; a local database has one writer at a time."""
        with store.exclusive(self.server):
            return function(*arguments, **keywords)

    # The run itself

    def _find_run(self) -> None:
        from mlflow.exceptions import MlflowException

        if self._sure:
            return
        if self.mark.run_id:
            found = self._client.get_run(self.mark.run_id)
            if found.info.lifecycle_stage == "deleted":
                raise MlflowException("INVALID_STATE: somebody deleted this run there; restore it to have it completed")
        else:
            self.mark.run_id = self._adopt() or self._create()
            marks.save(self.run, self.mark)
        self._sure = True

    def _experiment(self) -> str:
        name = clean(self.header["experiment"])[:NAME_LENGTH] or "Default"
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            with contextlib.suppress(Exception):  # another training may have created it in between
                return self._write(
                    self._client.create_experiment, name, artifact_location=store.artifact_location(self.server, name)
                )
            experiment = self._client.get_experiment_by_name(name)
        return experiment.experiment_id

    def _adopt(self) -> str:
        """Finds the run by its uuid; "" when it is not there.

        A request that timed out may still have been carried out, so that there are several: the oldest stays.
        """
        self._experiment_id = self._experiment()
        found = self._client.search_runs([self._experiment_id], f"tags.`{UUID_TAG}` = '{self.header['uuid']}'")
        ids = [run.info.run_id for run in sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))]
        for double in ids[1:]:
            self._write(self._client.delete_run, double)
        return ids[0] if ids else ""

    def _create(self) -> str:
        name = clean(self.header["name"])[:NAME_LENGTH]
        tags = {UUID_TAG: self.header["uuid"], "mlflow.user": clean(self.header["user"])[:NAME_LENGTH]}
        created = self._write(self._client.create_run, self._experiment_id, self.header["t"], tags, name)
        return created.info.run_id

    # Parameters, metrics, tags, datasets

    def _send_records(self) -> None:
        while True:
            batch, end = Batch(), self.mark.offset
            for offset, record in journal.read(self.run, self.mark.offset):
                self.translator.read(record, batch)
                end = offset
                if len(batch) >= _METRICS:
                    break
            if end == self.mark.offset:
                return
            self._deliver(batch)
            self.mark.offset = end
            marks.save(self.run, self.mark)

    def _deliver(self, batch: Batch) -> None:
        from mlflow.entities import Metric, Param, RunTag

        self._log([Param(*item) for item in batch.parameters.items()], "params", _TEXTS)
        self._log([RunTag(*item) for item in batch.tags.items()], "tags", _TEXTS)
        self._log([Metric(*item) for item in batch.metrics], "metrics", _METRICS)
        self._log([_dataset_input(record) for record in batch.datasets], "datasets", _DATASETS)

    def _log(self, items: list, kind: str, limit: int) -> None:
        """Sends items; where the server refuses a request, halves it until the one that it dislikes is alone."""
        for start in range(0, len(items), limit):
            part = items[start : start + limit]
            try:
                if kind == "datasets":
                    self._write(self._client.log_inputs, self.mark.run_id, part)
                else:
                    self._write(self._client.log_batch, self.mark.run_id, synchronous=True, **{kind: part})
            except Exception as error:
                fault = fault_of(error)
                if fault.kind != "refused":
                    raise
                if len(part) > 1:
                    self._log(part, kind, len(part) // 2)
                else:
                    self.mark.refused[f"{kind[:-1]} {_name(part[0])}"] = fault.words

    # Files and models

    def _send_files(self) -> Fault | None:
        """Sends complete files that the server lacks; returns the first fault, but goes on: others may pass."""
        first = None
        files = dict(self.translator.files)
        if self.translator.notes and self.translator.status in journal.TERMINAL:
            files["tracking/journal.jsonl"] = {"kind": "artifact", "folder": "tracking"}
        for path, record in files.items():
            digest = self._digest(path)
            if digest is None:
                self.mark.refused[path] = "the file is no longer in the run folder"
            elif digest not in (self.mark.files.get(path), self._tried.get(path)):
                fault = self._send_file(path, record, digest)
                first = first or fault
        return first

    def _send_file(self, path: str, record: dict, digest: str) -> Fault | None:
        from common.tracking.models import send_model

        try:
            if record["kind"] == "model":
                send_model(self._client, self.mark, self.run / path, record, self._write)
            else:
                _refuse_foreign_disk(self._client, self.mark)
                self._client.log_artifact(self.mark.run_id, str(self.run / path), record["folder"] or None)
        except Exception as error:
            fault = fault_of(error)
            if fault.kind != "refused":
                self._sure = False
                return fault
            self.mark.refused[path] = fault.words
            self._tried[path] = digest
        else:
            self.mark.files[path] = digest
            self.mark.refused.pop(path, None)
        marks.save(self.run, self.mark)
        return None

    def _digest(self, path: str) -> str | None:
        """sha256 of a file of the run; None when it is gone. Read again only when the file changed."""
        try:
            facts = (self.run / path).stat()
            key = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if self._hashes.get(path, (None,))[0] != key:
                with (self.run / path).open("rb") as file:
                    self._hashes[path] = (key, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError:
            return None
        return self._hashes[path][1]

    # The end

    def _send_end(self) -> None:
        notes, refused = self.translator.note_tag(), "; ".join(f"{k}: {v}" for k, v in self.mark.refused.items())[:4000]
        if notes + refused != self.mark.notes:
            for name, value in ((NOTES_TAG, notes), (REFUSED_TAG, refused)):
                self._write(self._client.set_tag, self.mark.run_id, name, value)
            self.mark.notes = notes + refused
        if self.translator.status == self.mark.status:
            return
        if self.translator.status in journal.TERMINAL:
            self._write(self._client.set_terminated, self.mark.run_id, self.translator.status, self.translator.ended)
        elif self.mark.status:  # resumed: a new run is RUNNING from the start
            self._write(self._client.update_run, self.mark.run_id, "RUNNING")
        self.mark.status = self.translator.status


def _dataset_input(record: dict):
    """The journal's dataset as MLflow's: its digest has 36 characters, the whole sha256 goes into the profile."""
    import json

    from mlflow.entities import Dataset, DatasetInput, InputTag

    from common.tracking.translate import DIGEST_LENGTH

    profile = {"digest": record["digest"], "patches": record["patches"]}
    dataset = Dataset(
        name=clean(record["name"])[:500],
        digest=record["digest"][:DIGEST_LENGTH],
        source_type="http" if is_http(record["source"]) else "local",
        source=json.dumps({"url" if is_http(record["source"]) else "uri": clean(record["source"])[:60_000]}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", record["context"][:500])])


def _name(item) -> str:
    return item.dataset.name if hasattr(item, "dataset") else item.key


def _refuse_foreign_disk(client, mark: marks.Mark) -> None:
    """A server without an artifact store names a folder of its own disk, and MLflow would write to ours instead."""
    from mlflow.exceptions import MlflowException

    if not is_http(mark.server) or urlsplit(mark.server).hostname in ("127.0.0.1", "::1", "localhost"):
        return
    location = client.get_run(mark.run_id).info.artifact_uri
    if urlsplit(location).scheme in ("", "file") or posixpath.isabs(location):
        raise MlflowException("INVALID_PARAMETER_VALUE: it takes no files (no --serve-artifacts)", error_code=3)
