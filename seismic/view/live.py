"""A shard, and which of its documents are live."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.components import UsedComponents
from seismic.documents.lookup import Lookup
from seismic.documents.widening import column_in
from seismic.errors import CorruptIndexError
from seismic.kernels.constants import BLOCK
from seismic.store.schema import SHARED
from seismic.store.shard import Shard
from seismic.vectors import SparseVectors

EVERY_DOCUMENT = np.empty(0, np.uint8)
"""Value of `allowed` in kernels if every document may be returned."""

RESTORED_ROWS = 1 << 14
"""Documents restored from a shard at a time."""

_SERIALS = count()


class Address:
    """Lookups of a shard's documents, built on first use.

    ``serial`` is unique in this process: a cache key that does not keep the shard mapped.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self.serial = next(_SERIALS)

    @cached_property
    def lookup(self) -> Lookup:
        """Return the lookup from ids to numbers."""
        return Lookup(self._shard.documents)

    @cached_property
    def frequency(self) -> npt.NDArray[np.int64]:
        """Return int64 [dimension of the shard]: the documents that have each component, deleted ones included."""
        return self._shard.document_frequency()

    @cached_property
    def positions(self) -> npt.NDArray[np.uint32]:
        """Return uint32 [n]: the position of each number. Raises CorruptIndexError if a number has none."""
        numbers = self._shard.shared.numbers
        positions = np.full(len(numbers), len(numbers), np.uint32)
        positions[numbers] = np.arange(len(numbers), dtype=np.uint32)
        missing = np.flatnonzero(positions == len(numbers))
        if len(missing):
            raise CorruptIndexError(
                f"{self._shard.entry.folder}/{SHARED}: numbers: found no document {missing[0]}, so another repeats; "
                "see `seismic verify`"
            )
        return positions


class LiveShard:
    """A shard without its deleted documents, in the columns of its collection; immutable.

    ``allowed`` uint8 [blocks]: bit i of a byte says whether document i of the block is live; empty: all are. ``live``
    counts them. Document numbers are those of the shard, from 0. ``schema``: the collection's, if it has evolved since
    the shard was built. ``address`` is shared with derived shards; ``serial`` is unique in this process to the live
    documents.
    """

    def __init__(
        self,
        shard: Shard,
        address: Address | None = None,
        allowed: npt.NDArray[np.uint8] = EVERY_DOCUMENT,
        live: int | None = None,
        schema: pa.Schema | None = None,
    ) -> None:
        self.shard, self.allowed, self.schema = shard, allowed, schema
        self.live = len(shard) if live is None else live
        self.address = address or Address(shard)
        self.serial = next(_SERIALS)

    def __len__(self) -> int:
        return len(self.shard)

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return int64 [n]: the number of each id's document, -1 if none is live."""
        found = self.address.lookup.find(ids)
        here = np.flatnonzero(found >= 0)
        found[here[~self._are_live(found[here])]] = -1
        return found

    def positions(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """Return uint32 [n]: the positions of documents in the shard's order."""
        return self.address.positions[numbers]

    def without(self, numbers: npt.NDArray[np.int64]) -> "LiveShard":
        """Return the shard without these live documents."""
        if len(numbers) == 0:
            return self
        allowed = self.allowed.copy() if len(self.allowed) else _all_allowed(len(self))
        positions = self.address.positions[numbers]
        np.bitwise_and.at(allowed, positions // BLOCK, ~(np.uint8(1) << (positions % BLOCK).astype(np.uint8)))
        return LiveShard(self.shard, self.address, allowed, self.live - len(numbers), self.schema)

    def evolved(self, schema: pa.Schema, dimension: int) -> "LiveShard":
        """Return the shard as a part of a collection with these columns and this dimension."""
        shard = self.shard
        if shard.used is None and shard.dimension < dimension:  # queries may have components that its files lack
            shard = replace(shard, used=UsedComponents(np.arange(shard.dimension, dtype=np.uint32)))
        later = LiveShard(shard, self.address, self.allowed, self.live, schema)
        later.serial = self.serial
        return later

    def has(self, column: str) -> bool:
        """Return whether the shard stores a column; otherwise all its values are null."""
        return column in self.shard.documents.schema.names

    def type_of(self, column: str) -> pa.DataType:
        """Return the type of a column in the collection. Dictionaries stay as they are."""
        stored = self.shard.documents.schema
        if self.schema is None:
            return stored.field(column).type
        kind, at = self.schema.field(column).type, stored.get_field_index(column)
        if at >= 0 and pa.types.is_dictionary(stored.field(at).type) and stored.field(at).type.value_type == kind:
            return stored.field(at).type
        return kind

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column in its `type_of`; nulls if the shard does not store it."""
        return column_in(self.shard.documents, name, self.type_of(name))

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return int64: the numbers of live documents, ascending."""
        every = np.arange(len(self))
        return every if self.live == len(self) else every[self._are_live(every)]

    def dead(self) -> npt.NDArray[np.int64]:
        """Return int64: the numbers of deleted documents, ascending."""
        return np.setdiff1d(np.arange(len(self)), self.numbers(), assume_unique=True)

    def document_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the ids and payloads of live documents in the shard's own columns, one record batch at a time."""
        first = 0
        for batch in self.shard.documents.to_batches():
            live = self._are_live(np.arange(first, first + len(batch)))
            yield batch if live.all() else batch.filter(pa.array(live))
            first += len(batch)

    def vectors(self, numbers: npt.NDArray[np.int64], dimension: int) -> SparseVectors:
        """Return the vectors of documents, as stored. Raises CorruptIndexError."""
        indptr, components, values = self.shard.restore(self.address.positions[numbers])
        if self.shard.used is not None:
            components = self.shard.used.numbers[components]
        return SparseVectors.trusted(indptr, components, values, dimension)

    def live_vectors(self, dimension: int) -> Iterator[SparseVectors]:
        """Yield the vectors of all live documents, RESTORED_ROWS at a time."""
        numbers = self.numbers()
        for first in range(0, len(numbers), RESTORED_ROWS):
            yield self.vectors(numbers[first : first + RESTORED_ROWS], dimension)

    def _are_live(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if len(self.allowed) == 0:
            return np.ones(len(numbers), bool)
        positions = self.address.positions[numbers]
        bits = self.allowed[positions // BLOCK] >> (positions % BLOCK).astype(np.uint8)
        return np.asarray(bits & 1, bool)


def _all_allowed(documents: int) -> npt.NDArray[np.uint8]:
    """Return bits that allow all documents. Bits beyond the last document are 0."""
    allowed = np.full(-(-documents // BLOCK), 255, np.uint8)
    if documents % BLOCK:
        allowed[-1] = (1 << documents % BLOCK) - 1
    return allowed
