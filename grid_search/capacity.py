"""Computes how many runs fit on a machine or cluster at the same time."""

from dataclasses import dataclass

import ray

BASE_MEMORY = 700_000_000  # bytes that a run needs besides its data and the memory shared with its parent process
DATA_FACTOR = 4  # training and evaluation need as much memory as this many copies of the patches
GPUS_PER_RUN = 0.25  # networks this small leave a GPU idle most of the time


@dataclass(frozen=True)
class Needs:
    """The resources that Ray reserves for one run: cores, GPUs (a fraction if shared) and bytes of memory."""

    threads: int
    gpus: float
    memory: int

    def fit(self, resources: dict[str, float]) -> int:
        """Returns how many runs fit on a node. resources: the node's resources, by Ray's names for them."""
        counts = [resources.get("CPU", 0) // self.threads, resources.get("memory", 0) // self.memory]
        if self.gpus >= 1:
            counts.append(resources.get("GPU", 0) // self.gpus)
        elif self.gpus:  # a run uses only one GPU
            counts.append(int(resources.get("GPU", 0)) * int(1 / self.gpus + 1e-9))
        return max(0, int(min(counts)))


def nodes() -> dict[str, dict]:
    """Returns the nodes that are alive: id -> what Ray says about the node (NodeManagerHostname, Resources, ...)."""
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}


def needs(threads: int, gpus: float | None, memory_gb: float | None, data_bytes: int) -> Needs:
    """Returns the resources that a run needs; by default, they include a quarter of a GPU if the cluster has one."""
    if gpus is None:
        gpus = GPUS_PER_RUN if any(node["Resources"].get("GPU") for node in nodes().values()) else 0.0
    memory = memory_gb * 1e9 if memory_gb else BASE_MEMORY + DATA_FACTOR * data_bytes
    return Needs(threads, gpus, int(memory))


def count_and_places(need: Needs) -> tuple[int, str]:
    """Returns how many runs fit at the same time, and a text that says how many fit on each node."""
    fit, places = 0, []
    for node in nodes().values():
        count, has = need.fit(node["Resources"]), node["Resources"].get
        fit += count
        places.append(
            f"{count} on {node['NodeManagerHostname']} ({node['NodeManagerAddress']}, "
            f"CPU cores: {has('CPU', 0):g}, GPUs: {has('GPU', 0):g}, {has('memory', 0) / 1e9:.1f} GB)"
        )
    each = f"each {need.threads} thread{'s' * (need.threads > 1)}, {need.memory / 1e9:.1f} GB"
    return fit, f"{', '.join(places)}; {each}{f', {need.gpus:g} GPU' if need.gpus else ', no GPU'}"
