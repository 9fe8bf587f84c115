"""A memory-mapped shard."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.components import UsedComponents
from seismic.errors import CorruptIndexError
from seismic.kernels.constants import BLOCK
from seismic.kernels.copies import find_invalid
from seismic.kernels.impacts import Impacts
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared, count_components, restore
from seismic.layouts import LAYOUTS, Layout
from seismic.store.files import map_batch, map_table, names_of
from seismic.store.invariants import (
    check_below,
    check_blocks,
    check_column,
    check_forward,
    check_impacts,
    check_maxima,
    check_shared,
    check_summaries,
)
from seismic.store.manifest import FileEntry, ShardEntry
from seismic.store.schema import (
    COMPONENTS,
    DOCUMENTS,
    FORWARD,
    IMPACTS,
    MAXIMA,
    POSTINGS,
    SHARED,
    SHARED_UNUSED,
    SUMMARIES,
    blocks_arrays,
    components_schema,
    forward_arrays,
    forward_schema,
    impacts_arrays,
    impacts_schema,
    maxima_arrays,
    maxima_schema,
    postings_schema,
    shared_arrays,
    shared_schema,
    summaries_arrays,
    summaries_schema,
)
from seismic.vectors import SparseVectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lists:
    """Data of the layout `lists`: posting lists in blocks, their summaries, and a forward index."""

    forward: Forward
    blocks: Blocks
    summaries: Summaries


class Restored(NamedTuple):
    """Vectors taken out of a shard: ``indptr`` int64 [n + 1]; ``components`` of the shard's files, and ``values``
    float32 [nnz]."""

    indptr: npt.NDArray[np.int64]
    components: npt.NDArray[Any]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shard:
    """One memory-mapped shard: arrays are NumPy views of its files; `documents` is an Arrow table, row = number."""

    entry: ShardEntry
    documents: pa.Table
    shared: Shared
    maxima: Maxima
    impacts: Impacts | None
    lists: Lists | None
    used: UsedComponents | None = None
    """Set if other files have rows of this table in place of components."""

    def __len__(self) -> int:
        return self.entry.documents

    @property
    def dimension(self) -> int:
        """Number of components in the shard's files."""
        return len(self.maxima.scales)

    def mapped(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the arrays that searches read. Those of a generation are views of its files."""
        lists = self.lists
        parts = (self.shared, self.maxima, self.impacts or ())
        of_lists = (lists.forward, lists.blocks, lists.summaries) if lists else ()
        for columns in (*parts, *of_lists):
            yield from columns

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """Return int64 [dimension of the shard]: the number of documents that have each component.

        Raises CorruptIndexError.
        """
        for name in ("components", "own_components"):
            check_below(getattr(self.shared, name), self.dimension, f"{self.entry.folder}/{SHARED}: {name}")
        counts = np.bincount(self.shared.own_components, minlength=self.dimension)
        weights = np.bitwise_count(self.shared.documents)
        return counts + np.bincount(self.shared.components, weights, self.dimension).astype(np.int64)

    def restore(self, positions: npt.NDArray[np.uint32]) -> Restored:
        """Return the vectors at `positions`, checked: 16-bit components are not compared with the dimension before.

        Raises CorruptIndexError.
        """
        indptr = np.zeros(len(positions) + 1, np.int64)
        count_components(self.shared, positions, indptr[1:])
        np.cumsum(indptr, out=indptr)
        components, values = np.empty(indptr[-1], self.shared.components.dtype), np.empty(indptr[-1], np.float32)
        restore(self.shared, positions, indptr, components, values)
        for array in (indptr, components, values):
            array.flags.writeable = False  # as in SparseVectors: Numba would compile other kernels for them
        row = find_invalid(indptr, components, values, self.dimension)
        if row >= 0:
            raise CorruptIndexError(
                f"{self.entry.folder}/{SHARED}: components, codes: the vector at position {positions[row]} does not "
                f"have positive values of components that rise to below {self.dimension}; see `seismic verify`"
            )
        return Restored(indptr, components, values)

    def local_queries(self, queries: SparseVectors) -> SparseVectors:
        """Return queries with the components of the shard's files, without those it does not use."""
        return self.used.renumbered(queries, queries.dimension) if self.used is not None else queries

    def local_component(self, component: int) -> int | None:
        """Return the row of a component in the shard's files; None if it does not use the component."""
        if self.used is None:
            return component
        rows, known = self.used.rows(np.array([component]))
        return int(rows[0]) if known[0] else None


def open_shard(generation: Path, entry: ShardEntry, layout: Layout, dimension: int) -> Shard:
    """Map a shard's files. Raises CorruptIndexError if one is missing, has another size, or breaks an invariant."""
    folder, storage = generation / entry.folder, LAYOUTS[layout]

    def mapped(name: str, schema: pa.Schema, rows: int, unused: Sequence[str] = ()) -> pa.RecordBatch:
        batch = map_batch(folder / name, _entry_of(folder, entry, name), schema, unused)
        _check_rows(folder / name, batch.num_rows, rows)
        return batch

    def arrays(convert: Callable[[pa.RecordBatch], T], name: str, *where: Any) -> T:
        batch = mapped(name, *where)
        try:
            return convert(batch)
        except CorruptIndexError as error:
            raise CorruptIndexError(f"{folder / name}: {str(error).removeprefix(f'{name}: ')}") from None

    documents = map_table(folder / DOCUMENTS, _entry_of(folder, entry, DOCUMENTS))
    _check_rows(folder / DOCUMENTS, documents.num_rows, entry.documents)
    _check_documents(documents, folder / DOCUMENTS)
    used = _open_used(folder, entry, dimension)
    dimension = dimension if used is None else len(used)
    n_blocks = -(-entry.documents // BLOCK)
    shared = arrays(shared_arrays, SHARED, shared_schema(dimension, storage.residuals), n_blocks, SHARED_UNUSED)
    check_shared(shared, dimension, f"{folder / SHARED}")
    _check_nnz(folder / SHARED, len(shared.codes) + len(shared.own_codes), entry.nnz)
    _check_rows(folder / SHARED, len(shared.numbers), entry.documents)
    convert = partial(maxima_arrays, documents=entry.documents)
    maxima = arrays(convert, MAXIMA, maxima_schema(entry.documents), dimension)
    check_maxima(maxima, f"{folder / MAXIMA}")
    impacts, lists = None, None
    if IMPACTS in entry.files:
        impacts = arrays(impacts_arrays, IMPACTS, impacts_schema(entry.documents), dimension)
        check_impacts(impacts, f"{folder / IMPACTS}")
        _check_nnz(folder / IMPACTS, len(impacts.positions), entry.nnz)
    if storage.lists:
        forward = arrays(forward_arrays, FORWARD, forward_schema(dimension), entry.documents)
        check_forward(forward, dimension, f"{folder / FORWARD}")
        _check_nnz(folder / FORWARD, len(forward.components), entry.nnz)
        blocks = arrays(blocks_arrays, POSTINGS, postings_schema(), dimension)
        summaries = arrays(summaries_arrays, SUMMARIES, summaries_schema(dimension), dimension)
        check_blocks(blocks, entry.documents, entry.most_blocks, f"{folder / POSTINGS}")
        check_summaries(summaries, f"{folder / SUMMARIES}")
        lists = Lists(forward, blocks, summaries)
    return Shard(entry, documents, shared, maxima, impacts, lists, used)


def _open_used(folder: Path, entry: ShardEntry, dimension: int) -> UsedComponents | None:
    if COMPONENTS not in entry.files:
        return None
    batch = map_batch(folder / COMPONENTS, entry.files[COMPONENTS], components_schema())
    _check_rows(folder / COMPONENTS, batch.num_rows, entry.files[COMPONENTS].rows)
    numbers = batch.column("component").to_numpy()
    if (numbers[1:] <= numbers[:-1]).any() or (len(numbers) and numbers[-1] >= dimension):
        raise CorruptIndexError(f"{folder / COMPONENTS}: components do not rise to below the dimension {dimension}")
    return UsedComponents(numbers)


def _entry_of(folder: Path, entry: ShardEntry, name: str) -> FileEntry:
    if name not in entry.files:
        raise CorruptIndexError(f"{folder}: the manifest lists no {name}; build the index again")
    return entry.files[name]


def _check_nnz(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise CorruptIndexError(f"{path}: found {found} values, expected {expected}")


def _check_rows(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise CorruptIndexError(f"{path}: found {found} rows, expected {expected}")


def _check_documents(documents: pa.Table, path: Path) -> None:
    kind = documents.schema.field("id").type if documents.schema.get_field_index("id") == 0 else None
    if not (kind and (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))):
        raise CorruptIndexError(f"{path}: found columns {names_of(documents.schema)}, expected id (text or int) first")
    for name, column in zip(documents.column_names, documents.columns, strict=True):
        for chunk in column.chunks:
            check_column(chunk, f"{path}: {name}")
