"""Computes how many runs fit on a machine or cluster at the same time."""

from dataclasses import dataclass

import ray

BASE_MEMORY = 700_000_000  # bytes of a run besides its data, not shared with the process that it was forked from
DATA_FACTOR = 4  # copies of the patches on the way to the device and through evaluation
GPUS_PER_RUN = 0.25  # these networks leave a GPU idle most of the time


@dataclass(frozen=True)
class Needs:
    """What Ray reserves for one run: cores, GPUs (a fraction if shared), bytes of memory."""

    threads: int
    gpus: float
    memory: int

    def fit(self, resources: dict[str, float]) -> int:
        """How many runs fit into the resources of a node, with Ray's names."""
        counts = [resources.get("CPU", 0) // self.threads, resources.get("memory", 0) // self.memory]
        if self.gpus >= 1:
            counts.append(resources.get("GPU", 0) // self.gpus)
        elif self.gpus:  # a run uses only one GPU
            counts.append(int(resources.get("GPU", 0)) * int(1 / self.gpus + 1e-9))
        return max(0, int(min(counts)))


def nodes() -> dict[str, dict]:
    """The nodes that are alive: id -> Ray's description (NodeManagerHostname, NodeManagerAddress, Resources)."""
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}


def needs(threads: int, gpus: float | None, memory_gb: float | None, data_bytes: int) -> Needs:
    """The needs of a run; by default, a quarter of a GPU if the cluster has one."""
    if gpus is None:
        gpus = GPUS_PER_RUN if any(node["Resources"].get("GPU") for node in nodes().values()) else 0.0
    memory = memory_gb * 1e9 if memory_gb else BASE_MEMORY + DATA_FACTOR * data_bytes
    return Needs(threads, gpus, int(memory))


def count_and_places(need: Needs) -> tuple[int, str]:
    """How many runs fit at the same time, and where in words."""
    fit, places = 0, []
    for node in nodes().values():
        count, has = need.fit(node["Resources"]), node["Resources"].get
        fit += count
        places.append(
            f"{count} on {node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {has('CPU', 0):g} cores, "
            f"{has('GPU', 0):g} GPUs, {has('memory', 0) / 1e9:.1f} GB)"
        )
    each = f"each {need.threads} thread{'s' * (need.threads > 1)}, {need.memory / 1e9:.1f} GB"
    return fit, f"{', '.join(places)}; {each}{f', {need.gpus:g} GPU' if need.gpus else ', no GPU'}"
