"""Plan a cluster: how many nodes a collection needs, from the bytes of its files and measured times of searches."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seismic.cluster.spec import PartSpec
from seismic.errors import ParameterError
from seismic.store.manifest import Manifest, read_manifest
from seismic.store.opening import hold_current

PROCESS = 300 << 20
"""Bytes of a node without a collection: Python, NumPy, Arrow and compiled kernels."""

PER_DOCUMENT = 12 + 4
"""Bytes that a document takes in memory after changes: the hash and number of its id, and its position."""


BUSY = 0.6
"""Share of a node's cores that searches may keep busy. Closer to 1, they wait for each other."""


class Demand(NamedTuple):
    """What a cluster must do. ``times``: seconds of CPU that searches of the whole collection take, one thread each."""

    times: Sequence[float]
    rate: float = 0.0
    """Searches per second."""
    cores: int = 1
    """Cores of a node."""
    p99: float = math.inf
    """Seconds that 99 of 100 searches may take in a part, without the network."""


class PlannedPart(NamedTuple):
    """A part, its shards and documents, and the bytes that a node needs to search it from memory."""

    part: str
    shards: int
    documents: int
    bytes: int


class ClusterPlan(NamedTuple):
    """The parts of a collection such that each fits into the memory of a node, and the number of nodes."""

    generation: str
    memory: int
    replicas: int
    nodes: int
    parts: list[PlannedPart]


def plan_cluster(collection: Path, memory: int, replicas: int = 2, demand: Demand | None = None) -> ClusterPlan:
    """Return the fewest even parts of the current generation whose files fit into `memory` bytes of a node each.

    The last part has the changes; its node maps all shards, but reads of the others only what changes keep of their
    documents. `demand`: parts become smaller until their searches take at most `p99`, and get more than `replicas`
    nodes if its rate needs them. A part takes its share of the time of the whole. Raises ParameterError if a shard does
    not fit or takes too long, and StorageError.
    """
    folder, lease = hold_current(collection)
    try:
        manifest = read_manifest(folder)
    finally:
        lease.close()
    count = len(manifest.shards)
    for of in range(1, count + 1):
        parts = [_planned(manifest, PartSpec(number, of, number == of)) for number in range(1, of + 1)]
        if max(part.bytes for part in parts) <= memory and _slowest(demand, parts) <= 1:
            replicas = max(replicas, _needed(demand, parts))
            return ClusterPlan(manifest.generation, memory, replicas, replicas * of, parts)
    if demand is not None and max(part.bytes for part in parts) <= memory:
        raise ParameterError(
            f"p99: found {1000 * demand.p99:g} ms, but {count} parts of a shard each take "
            f"{1000 * demand.p99 * _slowest(demand, parts):.3g} ms; give more, or build with more shards (--shards)"
        )
    largest = max(_planned(manifest, PartSpec(number, count, False)).bytes for number in range(1, count + 1))
    raise ParameterError(
        f"memory: found {memory:,} bytes for a node, expected at least {largest:,} for the largest of {count} shards; "
        "give more, or build with more shards (--shards)"
    )


def _share(parts: Sequence[PlannedPart]) -> float:
    """Return the share of the documents that the largest part has."""
    return max(part.documents for part in parts) / max(1, sum(part.documents for part in parts))


def _slowest(demand: Demand | None, parts: Sequence[PlannedPart]) -> float:
    """Return the time of the slowest part as a multiple of what it may take."""
    if demand is None:
        return 0.0
    return float(np.quantile(demand.times, 0.99)) * _share(parts) / demand.p99


def _needed(demand: Demand | None, parts: Sequence[PlannedPart]) -> int:
    """Return the replicas of a part that together answer the rate."""
    if demand is None:
        return 1
    return math.ceil(demand.rate * float(np.mean(demand.times)) * _share(parts) / (BUSY * demand.cores))


def _planned(manifest: Manifest, spec: PartSpec) -> PlannedPart:
    entries = manifest.shards[spec.shards(len(manifest.shards))]
    documents = sum(entry.documents for entry in entries)
    files = sum(file.bytes for entry in entries for file in entry.files.values())
    return PlannedPart(str(spec), len(entries), documents, PROCESS + files + PER_DOCUMENT * documents)
