"""Document frequencies of some components, whatever the size of the vocabulary, and documents by field."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from seismic.components import UsedComponents
from seismic.errors import ParameterError
from seismic.fields.entry import FieldEntry
from seismic.fields.joined import counter
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard
from seismic.vocabulary import Vocabulary

ROWS = 1 << 14
"""Deleted documents restored at a time."""

MOST_COUNTED = 1 << 24
"""Largest dimension for arrays with an entry for every component."""


class DeadFrequency:
    """The deleted documents that have each component."""

    def __init__(self, shards: Sequence[LiveShard], dimension: int) -> None:
        found = [np.zeros(0, np.uint32), *(part.components for part in _dead_vectors(shards, dimension))]
        components, self._counts = np.unique(np.concatenate(found), return_counts=True)
        self._used = UsedComponents(components.astype(np.uint32))

    def of(self, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """Return int64 [n]."""
        rows, known = self._used.rows(components)
        counts = np.zeros(len(components), np.int64)
        counts[known] = self._counts[rows[known]]
        return counts


def every_frequency(shards: Sequence[LiveShard], dimension: int) -> npt.NDArray[np.int64]:
    """Return int64 [dimension]: the number of live documents that have each component. Raises ParameterError."""
    if dimension > MOST_COUNTED:
        raise ParameterError(
            f"found a dimension of {dimension:,}, expected at most {MOST_COUNTED:,} for an array of all components"
        )
    counts = np.zeros(dimension, np.int64)
    for shard in shards:
        used = shard.shard.used
        counts[slice(None) if used is None else used.numbers] += shard.shard.document_frequency()
    for part in _dead_vectors(shards, dimension):
        counts -= np.bincount(part.components, minlength=dimension)
    return counts


def frequency_of(
    shards: Sequence[LiveShard], dead: DeadFrequency, components: npt.NDArray[np.uint32]
) -> npt.NDArray[np.int64]:
    """Return int64 [n]: the number of live documents that have each component."""
    total = -dead.of(components)
    for shard in shards:
        frequency, used = shard.address.frequency, shard.shard.used
        rows, known = components.astype(np.int64), components < len(frequency)
        if used is not None:
            rows, known = used.rows(components)
        total[known] += frequency[rows[known]]
    return total


def documents_by_field(
    shards: Sequence[LiveShard], dimension: int, fields: Sequence[FieldEntry], vocabulary: Vocabulary | None
) -> dict[str, int]:
    """Return the number of live documents that have each field."""
    count, total = counter(fields, vocabulary), dict.fromkeys((field.name for field in fields), 0)
    for shard in shards:
        for name, documents in shard.shard.entry.fields.items():
            total[name] += documents
    if count is not None:
        for part in _dead_vectors(shards, dimension):
            for name, documents in count(part).items():
                total[name] -= documents
    return total


def _dead_vectors(shards: Sequence[LiveShard], dimension: int) -> Iterator[SparseVectors]:
    for shard in shards:
        if shard.live < len(shard):
            dead = shard.dead()
            for first in range(0, len(dead), ROWS):
                yield shard.vectors(dead[first : first + ROWS], dimension)
