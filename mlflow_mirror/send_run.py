"""Sends one run to one MLflow server: everything from the journal that the server lacks.

Every request may be repeated: the run is found by its uuid tag, the server stores a repeated metric point only once,
and parameters, tags, datasets and files are simply set again.
"""

import contextlib
from pathlib import Path

from filelock import FileLock
from mlflow.entities import ViewType

from common.tracking import journal, server_state
from common.tracking.check_record import TERMINAL
from common.tracking.server_choice import uri_of
from common.tracking.translate_for_mlflow import Batch, Translator, clean
from mlflow_mirror import send_records
from mlflow_mirror.faults import Failure, Fault, fault_of
from mlflow_mirror.send_files import Files, forget_missing
from mlflow_mirror.store import Store

UUID_TAG = "run.uuid"
PARENT_TAG = "mlflow.parentRunId"  # the id of the parent run, under which MLflow shows this run
NOTES_TAG = "tracking.notes"
REFUSED_TAG = "tracking.refused"
NAME_LENGTH = 250  # maximum length of the names of runs and experiments, from the column width in a server's database
_POISON = 2  # if this many steps in a row have failed with status 500, a single value may be the cause


class Sender:
    """Sends one run to one server. Hold `lock` while you use this object, so that no other process sends the run.

    After a fault, the next step first checks what the server has, because data may have been lost, or may arrive late.
    """

    def __init__(self, run: Path, target: str):
        """`target`: an element of `journal.servers`."""
        self.run, self.target = Path(run), target
        path = server_state.mark_path(run, target)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        self.header = journal.header(run)
        self.mark = server_state.Mark(target)
        self.placed = False  # whether the server shows the run under its parent run
        self._files = Files(self.run)
        self._ready = False  # whether the run was found on the server since the last fault
        self._new = True  # True until this session first finds the run on the server
        self._errors = 0  # steps in a row that failed with status 500

    def step(self) -> Fault | None:
        """Sends everything that the server still lacks. Returns the fault, or None if there is none. Never raises."""
        try:
            if not self._ready:
                self._find_run()
            fault = self._send() if self._ready else None
        except Exception as error:
            fault = fault_of(error)
            if fault.kind == "missing":  # the server lost the run, or somebody deleted it: start over
                self.mark = server_state.Mark(self.target)
                self._files = Files(self.run)  # the server may now accept files that it refused before
        self._ready = self._ready and fault is None
        self._errors = self._errors + 1 if fault and fault.status == 500 else 0
        self.mark.fault = fault.words if fault else ""
        with contextlib.suppress(OSError):
            server_state.save(self.run, self.mark)
        return fault

    def _send(self) -> Fault | None:
        self._find_parent()
        self._send_records()
        fault = self._files.send(self._store, self.mark, self._translator, self._location)
        self._send_end()
        return fault

    def _rewind(self) -> None:
        """Reads the journal again up to the mark, to restore the state that later records depend on."""
        self._translator = Translator()
        for offset, record in journal.read(self.run):
            if offset > self.mark.offset:
                break
            self._translator.read(record, Batch())

    def _send_records(self) -> None:
        """Sends everything from the mark's offset to the end of the journal, and moves the offset."""
        check = self._write_tag if self._errors >= _POISON else None
        while True:
            batch, end = Batch(), self.mark.offset
            for offset, record in journal.read(self.run, self.mark.offset):
                self._translator.read(record, batch)
                end = offset
                if len(batch) >= send_records.LIMITS["metrics"]:
                    break
            if end == self.mark.offset:
                return
            journal.flush(self.run)  # so that no server has records that the folder loses in a power cut
            self.mark.refused |= send_records.log(self._store, self.mark.run_id, batch, check)
            self.mark.offset = end
            server_state.save(self.run, self.mark)

    def _write_tag(self) -> None:
        self._write(self._client.set_tag, self.mark.run_id, UUID_TAG, self.header["uuid"])

    def _find_run(self) -> None:
        """Connects to the server, finds or creates the run, and checks that the server has what the mark claims."""
        self.mark = server_state.load(self.run, self.target)  # another process may have sent something in the meantime
        self._store = Store(uri_of(self.run, self.target))
        self._client, self._write = self._store.client, self._store.write
        if not self.mark.run_id:
            self.mark.experiment_id = self._experiment()
            self.mark.run_id = self._adopt() or self._create()
            server_state.save(self.run, self.mark)
        found = self._client.get_run(self.mark.run_id)
        if found.data.tags.get(UUID_TAG) != self.header["uuid"]:  # the mark belongs to another run, or was edited
            raise Failure("missing", "the server has a different run under this id")
        self._location = found.info.artifact_uri
        self.placed = not self.header.get("parent")  # looked up again, because the parent may have changed
        self.mark.deleted = found.info.lifecycle_stage == "deleted"
        if not self.mark.deleted:
            self._rewind()
            self._check_claims(found)
            self._ready, self._new = True, False

    def _check_claims(self, found) -> None:
        """Sends everything once more if a server that was restored from a backup lacks a part of the run.

        Items that the server refused are also sent again once per session, because the server may have been updated.
        """
        there = {metric.key: (metric.step, metric.timestamp) for metric in found.data._metric_objs}
        behind = any(there.get(key, (-1, -1)) < point for key, point in self._translator.latest.items())
        behind = behind or not set(self._translator.parameters) <= set(found.data.params)
        again = self._new and any(not item.startswith("file ") for item in self.mark.refused)
        if behind or again:
            self.mark.offset = 0
            self.mark.refused.clear()
            self._rewind()
        if found.info.status != self.mark.status:
            self.mark.status = ""
        forget_missing(self._store, self.mark, self._location)

    def _experiment(self) -> str:
        name = clean(self.header["experiment"])[:NAME_LENGTH] or "Default"
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return self._write(self._client.create_experiment, name, self._store.location(name))
            except Exception:  # another process may have created it in the meantime
                experiment = self._client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            raise Failure("refused", f"somebody deleted the experiment {name!r} there; restore it and run sync")
        return experiment.experiment_id

    def _adopt(self) -> str:
        """Finds the run by its uuid; returns "" if it does not exist.

        A request that timed out may still have been executed, so the run may exist several times. Keeps the run whose
        id is in the mark, or else the oldest run, and deletes the duplicates.
        """
        ids = sorted(self._ids_of(self.header["uuid"]), key=lambda run_id: run_id != self.mark.run_id)
        for double in ids[1:]:
            for below in self._search(PARENT_TAG, double):
                self._write(self._client.set_tag, below.info.run_id, PARENT_TAG, ids[0])
            self._write(self._client.delete_run, double)
        return ids[0] if ids else ""

    def _find_parent(self) -> None:
        """Puts the run under its parent as soon as the parent exists; each server has its own id for the parent.

        A parent that somebody deleted on the server is accepted; otherwise the run would wait for it forever.
        """
        if self.placed:
            return
        found = (self._ids_of(self.header["parent"]) or self._ids_of(self.header["parent"], deleted=True))[:1]
        if found and found[0] != self.mark.parent_id:
            self._write(self._client.set_tag, self.mark.run_id, PARENT_TAG, found[0])
            self.mark.parent_id = found[0]
        self.placed = bool(found)

    def _ids_of(self, uuid: str, deleted: bool = False) -> list[str]:
        """Returns the ids of the experiment's runs with this uuid, oldest first."""
        found = self._search(UUID_TAG, uuid, deleted)
        return [run.info.run_id for run in sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))]

    def _search(self, tag: str, value: str, deleted: bool = False) -> list:
        """Returns the experiment's runs with this tag: either only existing runs or only deleted runs."""
        kind = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
        return self._client.search_runs([self.mark.experiment_id], f"tags.`{tag}` = '{value}'", kind)

    def _create(self) -> str:
        name = clean(self.header["name"])[:NAME_LENGTH]
        tags = {UUID_TAG: self.header["uuid"], "mlflow.user": clean(self.header["user"])[:NAME_LENGTH]}
        created = self._write(self._client.create_run, self.mark.experiment_id, self.header["t"], tags, name)
        return created.info.run_id

    def _send_end(self) -> None:
        notes = self._translator.note_tag()
        refused = "; ".join(f"{item}: {why}" for item, why in self.mark.refused.items())[:4000]
        if notes + refused != self.mark.notes:
            for name, value in ((NOTES_TAG, notes), (REFUSED_TAG, refused)):
                self._write(self._client.set_tag, self.mark.run_id, name, value)
            self.mark.notes = notes + refused
        if self._translator.status == self.mark.status:
            return
        if self._translator.status not in TERMINAL:
            self._write(self._client.update_run, self.mark.run_id, "RUNNING")
        elif next(journal.read(self.run, self.mark.offset), None):  # the run was resumed in the meantime
            return
        else:
            self._write(self._client.set_terminated, self.mark.run_id, self._translator.status, self._translator.ended)
            self._adopt()  # a hung server may have executed a late request and created the run twice
        self.mark.status = self._translator.status
