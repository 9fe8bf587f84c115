"""Plan a cluster: how many nodes of which memory a collection needs, from the bytes of its files."""

from pathlib import Path
from typing import NamedTuple

from seismic.cluster.spec import PartSpec
from seismic.errors import ParameterError
from seismic.store.manifest import Manifest, read_manifest
from seismic.store.opening import hold_current

PROCESS = 300 << 20
"""Bytes of a node without a collection: Python, NumPy, Arrow and compiled kernels."""

PER_DOCUMENT = 12 + 4
"""Bytes that a document takes in memory after changes: the hash and number of its id, and its position."""


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


def plan_cluster(collection: Path, memory: int, replicas: int = 2) -> ClusterPlan:
    """Return the fewest even parts of the current generation whose files fit into `memory` bytes of a node each.

    The last part has the changes; its node maps all shards, but reads of the others only what changes keep of their
    documents. Raises ParameterError if a shard does not fit, and StorageError.
    """
    folder, lease = hold_current(collection)
    try:
        manifest = read_manifest(folder)
    finally:
        lease.close()
    count = len(manifest.shards)
    for of in range(1, count + 1):
        parts = [_planned(manifest, PartSpec(number, of, number == of)) for number in range(1, of + 1)]
        if max(part.bytes for part in parts) <= memory:
            return ClusterPlan(manifest.generation, memory, replicas, replicas * of, parts)
    largest = max(_planned(manifest, PartSpec(number, count, False)).bytes for number in range(1, count + 1))
    raise ParameterError(
        f"memory: found {memory:,} bytes for a node, expected at least {largest:,} for the largest of {count} shards; "
        "give more, or build with more shards (--shards)"
    )


def _planned(manifest: Manifest, spec: PartSpec) -> PlannedPart:
    entries = manifest.shards[spec.shards(len(manifest.shards))]
    documents = sum(entry.documents for entry in entries)
    files = sum(file.bytes for entry in entries for file in entry.files.values())
    return PlannedPart(str(spec), len(entries), documents, PROCESS + files + PER_DOCUMENT * documents)
