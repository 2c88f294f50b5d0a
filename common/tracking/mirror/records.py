"""Logs parameters, metrics, tags and datasets in requests that every server accepts."""

import json
from collections import Counter

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from common.tracking.mirror.store import Store
from common.tracking.server_choice import is_http
from common.tracking.server_errors import fault_of
from common.tracking.translate import DIGEST_LENGTH, UUID_TAG, Batch, clean

# Items per request. MLflow allows 1000 metrics, 100 parameters, 100 tags and 1 MB in all.
LIMITS = {"params": 50, "tags": 50, "metrics": 1000, "datasets": 20}
_POISON = 3


class Records:
    """Logs the records of one run on one server."""

    def __init__(self, store: Store, uuid: str):
        self._store, self._uuid = store, uuid
        self._failures: Counter[str] = Counter()  # failed requests, see _is_poison

    def log(self, run_id: str, batch: Batch) -> dict[str, str]:
        """Logs everything in a batch.

        Returns:
            The items that the server refused, with the reasons; all others have arrived.

        Raises:
            Exception: an MLflow exception, because the server is unreachable; everything must be logged again.
        """
        kinds = {
            "params": [Param(*item) for item in batch.parameters.items()],
            "tags": [RunTag(*item) for item in batch.tags.items()],
            "metrics": [Metric(*item) for item in batch.metrics],
            "datasets": [_dataset_input(record) for record in batch.datasets],
        }
        refused = {}
        for kind, items in kinds.items():
            for start in range(0, len(items), LIMITS[kind]):
                refused |= self._log(run_id, kind, items[start : start + LIMITS[kind]])
        return refused

    def _log(self, run_id: str, kind: str, items: list, poisoned: bool = False) -> dict[str, str]:
        """Logs items; if the server refuses them, halves the list until only the refused item is left."""
        client = self._store.client
        try:
            if kind == "datasets":
                self._store.write(client.log_inputs, run_id, items)
            else:
                self._store.write(client.log_batch, run_id, synchronous=True, **{kind: items})
        except Exception as error:
            fault, first = fault_of(error), f"{kind[:-1]} {_name(items[0])}"
            poisoned = poisoned or (fault.status == 500 and self._is_poison(run_id, first))
            if fault.kind != "refused" and not poisoned:
                raise
            if len(items) == 1:
                return {first: fault.words}
            middle = len(items) // 2
            parts = [self._log(run_id, kind, part, poisoned) for part in (items[:middle], items[middle:])]
            return parts[0] | parts[1]
        return {}

    def _is_poison(self, run_id: str, first: str) -> bool:
        """Whether a request fails repeatedly with 500 while the server accepts others.

        An example is text that the database behind the server cannot store; it must not block later items.
        """
        self._failures[first] += 1
        if self._failures[first] < _POISON:
            return False
        self._store.write(self._store.client.set_tag, run_id, UUID_TAG, self._uuid)
        return True


def _dataset_input(record: dict) -> DatasetInput:
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
