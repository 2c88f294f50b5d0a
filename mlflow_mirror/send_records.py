"""Logs parameters, metrics, tags and datasets in requests that every server accepts."""

import json
from collections.abc import Callable

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from common.tracking.server_choice import is_http
from common.tracking.translate_for_mlflow import Batch, clean
from mlflow_mirror.faults import fault_of
from mlflow_mirror.store import Store

DIGEST_LENGTH = 36  # the longest digest that MLflow stores
# Items per request. MLflow allows at most 1000 metrics, 100 parameters, 100 tags and 1 MB in one request.
LIMITS = {"params": 50, "tags": 50, "metrics": 1000, "datasets": 20}


def log(store: Store, run_id: str, batch: Batch, check: Callable[[], object] | None = None) -> dict[str, str]:
    """Logs all items of a batch.

    Args:
        store, run_id: the server, and the id of the run on this server.
        batch: what to log.
        check: called if the server answers 500; it raises an error if the server accepts nothing at all. If it
            raises none, a single item is assumed to have been refused, for example because the database cannot store
            its text.

    Returns:
        The items that the server refused, with the reasons; all others have arrived.

    Raises:
        Exception: any exception from MLflow if the server is unreachable; everything must then be logged again.
    """
    kinds = {
        "params": [Param(*item) for item in batch.parameters.items()],
        "tags": [RunTag(*item) for item in batch.tags.items()],
        "metrics": [Metric(*item) for item in batch.metrics],
        "datasets": [_dataset_input(record) for record in batch.datasets],
    }

    def send(kind: str, items: list) -> dict[str, str]:
        """Logs items; if the server refuses them, halves the list until only the refused item is left."""
        try:
            if kind == "datasets":
                store.write(store.client.log_inputs, run_id, items)
            else:
                store.write(store.client.log_batch, run_id, synchronous=True, **{kind: items})
        except Exception as error:
            fault = fault_of(error)
            if fault.kind != "refused":
                if fault.status != 500 or not check:
                    raise
                check()
            if len(items) == 1:
                name = items[0].dataset.name if kind == "datasets" else items[0].key
                return {f"{kind[:-1]} {name}": fault.words}
            middle = len(items) // 2
            return send(kind, items[:middle]) | send(kind, items[middle:])
        return {}

    refused = {}
    for kind, items in kinds.items():
        for start in range(0, len(items), LIMITS[kind]):
            refused |= send(kind, items[start : start + LIMITS[kind]])
    return refused


def _dataset_input(record: dict) -> DatasetInput:
    """Converts a dataset for MLflow. MLflow's digests have 36 characters, so the full sha256 goes into the profile."""
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
