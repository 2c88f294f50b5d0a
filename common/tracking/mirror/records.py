"""Sends the journal's parameters, metrics, tags and datasets in requests that every server accepts."""

import json
from collections import Counter
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from common.tracking import journal, server_state
from common.tracking.server_choice import is_http
from common.tracking.server_errors import fault_of
from common.tracking.translate import DIGEST_LENGTH, UUID_TAG, Batch, Translator, clean

# Items per request. MLflow allows 1000 metrics, 100 parameters, 100 tags and 1 MB in all.
_LIMITS = {"params": 50, "tags": 50, "metrics": 1000, "datasets": 20}
_POISON = 3


class Records:
    """Sends the records of one run to one server, in the order of the journal."""

    def __init__(self, run: Path, mark: server_state.Mark, translator: Translator, client, write, failures: Counter):
        """`write` calls a function under the store's lock; `failures` counts failed requests, see _is_poison."""
        self.run, self.mark, self.translator, self.client, self.write = run, mark, translator, client, write
        self._failures = failures

    def send(self, progress=None) -> None:
        """Sends everything from the mark to the end of the journal, and moves the mark."""
        while True:
            batch, end, count = Batch(), self.mark.offset, 0
            for offset, record in journal.read(self.run, self.mark.offset):
                self.translator.read(record, batch)
                end, count = offset, count + 1
                if len(batch) >= _LIMITS["metrics"]:
                    break
            if end == self.mark.offset:
                return
            journal.flush(self.run)  # so that no server has more than the folder after a power cut
            self._deliver(batch)
            self.mark.offset = end
            server_state.save(self.run, self.mark)
            if progress:
                progress(count)

    def complete(self) -> bool:
        """Whether the mark is at the end of the journal."""
        return not any(True for _ in journal.read(self.run, self.mark.offset))

    def _deliver(self, batch: Batch) -> None:
        self._log([Param(*item) for item in batch.parameters.items()], "params")
        self._log([RunTag(*item) for item in batch.tags.items()], "tags")
        self._log([Metric(*item) for item in batch.metrics], "metrics")
        self._log([_dataset_input(record) for record in batch.datasets], "datasets")

    def _log(self, items: list, kind: str) -> None:
        limit = _LIMITS[kind]
        for start in range(0, len(items), limit):
            self._log_part(items[start : start + limit], kind)

    def _log_part(self, part: list, kind: str, poisoned: bool = False) -> None:
        """Sends items; if the server refuses them, halves the list until only the refused item is left."""
        try:
            if kind == "datasets":
                self.write(self.client.log_inputs, self.mark.run_id, part)
            else:
                self.write(self.client.log_batch, self.mark.run_id, synchronous=True, **{kind: part})
        except Exception as error:
            fault = fault_of(error)
            poisoned = poisoned or (fault.status == 500 and self._is_poison(f"{kind} {_name(part[0])}"))
            if fault.kind != "refused" and not poisoned:
                raise
            if len(part) == 1:
                self.mark.refused[f"{kind[:-1]} {_name(part[0])}"] = fault.words
                return
            for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                self._log_part(half, kind, poisoned)

    def _is_poison(self, first: str) -> bool:
        """Whether a request fails repeatedly with 500 while the server accepts others.

        An example is text that the database behind the server cannot store; it must not block later items.
        """
        self._failures[first] += 1
        if self._failures[first] < _POISON:
            return False
        self.write(self.client.set_tag, self.mark.run_id, UUID_TAG, journal.header(self.run)["uuid"])
        return True


def _dataset_input(record: dict):
    """The journal's dataset for MLflow: its digest has 36 characters, so the full sha256 goes into the profile."""
    source = clean(record["source"])[:60_000]
    remote = is_http(source)
    dataset = Dataset(
        name=clean(record["name"])[:500],
        digest=record["digest"][:DIGEST_LENGTH],
        source_type="http" if remote else "local",
        source=json.dumps({"url" if remote else "uri": source}),
        profile=json.dumps({"digest": record["digest"], "patches": record["patches"]}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", record["context"][:500])])


def _name(item) -> str:
    return item.dataset.name if hasattr(item, "dataset") else item.key
