"""Sparse vectors in CSR form, the engine's only vector format."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.errors import VectorError

if TYPE_CHECKING:
    import scipy.sparse

MAX_DIMENSION = 1 << 32
"""Largest dimension. Kernels hold a query as one dense row of float32: at most 64 MB."""

MIN_VALUE, MAX_VALUE = np.float32(1e-15), np.float32(1e15)
"""Allowed values. Their sums and quotients are normal float32 numbers, so kernels do not check."""

VectorsLike: TypeAlias = "SparseVectors | scipy.sparse.csr_matrix | scipy.sparse.csr_array | pa.Table | pa.RecordBatch"


@dataclass(frozen=True, slots=True, eq=False)
class SparseVectors:
    """N sparse vectors over a vocabulary of `dimension` components.

    ``indptr`` int64 [n + 1], ``components`` uint16 (uint32 if dimension > 65,536) [nnz], strictly ascending
    within a vector, ``values`` float32 [nnz], from 1e-15 to 1e15. The arrays are read-only.

    Construct one with `from_arrays`, `from_scipy`, `from_arrow` or `from_dicts`. Each checks every rule and raises
    `VectorError`. ``repair=True`` sorts components, sums duplicates (as scipy does) and drops values below 1e-15;
    negative values, values above 1e15 and components out of range are still errors.
    """

    indptr: npt.NDArray[np.int64]
    components: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]
    dimension: int

    @classmethod
    def from_arrays(
        cls,
        indptr: npt.ArrayLike,
        components: npt.ArrayLike,
        values: npt.ArrayLike,
        dimension: int | None = None,
        *,
        repair: bool = False,
    ) -> Self:
        """Build from a CSR triple. `dimension` defaults to the largest component + 1."""
        starts = _integers(indptr, "indptr")
        ids = _integers(components, "indices")
        weights = _floats(values)
        _check_shape(starts, ids, weights)
        width = _check_dimension(starts, ids, dimension)
        least = np.float32(0) if repair else MIN_VALUE
        weights = _check_values(starts, weights, least)
        if repair:
            starts, ids, weights = _repair(starts, ids, weights)
            _check_values(starts, weights, MIN_VALUE)
        _check_order(starts, ids)
        return cls.trusted(starts, ids, weights, width)

    @classmethod
    def from_scipy(cls, matrix: "scipy.sparse.csr_matrix | scipy.sparse.csr_array", *, repair: bool = False) -> Self:
        """Build from a scipy CSR matrix or array [n, dimension]."""
        if getattr(matrix, "format", None) != "csr":
            raise VectorError(f"found a {type(matrix).__name__}, expected a scipy CSR matrix; call .tocsr()")
        return cls.from_arrays(matrix.indptr, matrix.indices, matrix.data, matrix.shape[1], repair=repair)

    @classmethod
    def from_arrow(
        cls, table: pa.Table | pa.RecordBatch, dimension: int | None = None, *, repair: bool = False
    ) -> Self:
        """Build from list columns `indices` (integers) and `values` (floats), one vector per row."""
        starts, ids = _list_column(table, "indices")
        value_starts, weights = _list_column(table, "values")
        if not pa.types.is_integer(ids.type):
            raise VectorError(f"found lists of {ids.type}, expected lists of integers", field="indices")
        if not (pa.types.is_floating(weights.type) or pa.types.is_integer(weights.type)):
            raise VectorError(f"found lists of {weights.type}, expected lists of floats", field="values")
        lengths, value_lengths = np.diff(starts), np.diff(value_starts)
        if not np.array_equal(lengths, value_lengths):
            row = int(np.flatnonzero(lengths != value_lengths)[0])
            raise VectorError(
                f"found {lengths[row]} indices and {value_lengths[row]} values, expected equal numbers",
                row=row,
            )
        for column, name in ((ids, "indices"), (weights, "values")):
            if column.null_count:
                entry = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
                raise VectorError("found a null in the list", row=_row_of(starts, entry), field=name)
        return cls.from_arrays(
            starts,
            ids.to_numpy(zero_copy_only=False),
            weights.to_numpy(zero_copy_only=False),
            dimension,
            repair=repair,
        )

    @classmethod
    def from_dicts(cls, vectors: Sequence[Mapping[int, float]], dimension: int | None = None) -> Self:
        """Build from one mapping of component to value per vector, in any order."""
        try:
            ordered = [sorted(vector.items()) for vector in vectors]
        except TypeError as error:
            raise VectorError(f"expected integers ({error})", field="indices") from None
        indptr = np.concatenate([[0], np.cumsum([len(pairs) for pairs in ordered], dtype=np.int64)])
        components = np.asarray([component for pairs in ordered for component, _ in pairs])
        values = np.asarray([value for pairs in ordered for _, value in pairs])
        return cls.from_arrays(indptr, components, values, dimension)

    @classmethod
    def trusted(
        cls, indptr: npt.NDArray[Any], components: npt.NDArray[Any], values: npt.NDArray[Any], dimension: int
    ) -> Self:
        """Build from a valid CSR triple, without checks."""
        kind = np.uint16 if dimension <= 1 << 16 else np.uint32
        return cls(_frozen(indptr, np.int64), _frozen(components, kind), _frozen(values, np.float32), dimension)

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """Concatenate the vectors of `parts`. The dimension is the largest of theirs."""
        parts = list(parts)
        if not parts:
            return cls.from_dicts([])
        width = max(part.dimension for part in parts)
        lengths = np.concatenate([np.diff(part.indptr) for part in parts])
        components = np.concatenate([part.components for part in parts])
        values = np.concatenate([part.values for part in parts])
        return cls.trusted(np.concatenate([[0], np.cumsum(lengths)]), components, values, width)

    def slice(self, start: int, stop: int) -> Self:
        """Return vectors start .. stop - 1. Components and values are views."""
        first, last = self.indptr[start], self.indptr[stop]
        indptr = self.indptr[start : stop + 1] - first
        return self.trusted(indptr, self.components[first:last], self.values[first:last], self.dimension)

    def widened(self, dimension: int) -> Self:
        """Return the same vectors over a larger vocabulary."""
        if dimension < self.dimension:
            raise VectorError(
                f"found component {self.dimension - 1}, expected components below the dimension {dimension}",
                field="indices",
            )
        return self.trusted(self.indptr, self.components, self.values, dimension)

    def to_scipy(self) -> "scipy.sparse.csr_array":
        """Return a scipy CSR array [n, dimension]. Needs scipy."""
        import scipy.sparse

        shape = (len(self), self.dimension)
        return scipy.sparse.csr_array((self.values, self.components.astype(np.int32), self.indptr), shape=shape)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling and copying the arrays alone would make them writable.
        return self.trusted, (self.indptr, self.components, self.values, self.dimension)

    @property
    def nnz(self) -> int:
        """The number of stored values."""
        return len(self.components)

    @property
    def nbytes(self) -> int:
        """The size of the three arrays in bytes."""
        return self.indptr.nbytes + self.components.nbytes + self.values.nbytes

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, row: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return (components, values) of one vector, as views."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"found vector {row}, expected one of {len(self)}")
        span = slice(self.indptr[row % len(self)], self.indptr[row % len(self) + 1])
        return self.components[span], self.values[span]

    def __repr__(self) -> str:
        return f"SparseVectors({len(self)} vectors, {self.nnz} values, dimension {self.dimension})"


def as_vectors(vectors: VectorsLike) -> SparseVectors:
    """Convert a scipy CSR matrix, or an Arrow table with `indices` and `values`, to SparseVectors."""
    if isinstance(vectors, SparseVectors):
        return vectors
    if isinstance(vectors, pa.Table | pa.RecordBatch):
        return SparseVectors.from_arrow(vectors)
    return SparseVectors.from_scipy(vectors)


def _frozen(array: npt.NDArray[Any], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a contiguous read-only view. Numba compiles once more for writable arrays, so all are read-only."""
    view = np.ascontiguousarray(array, kind).view()
    view.flags.writeable = False
    return view


def _row_of(indptr: npt.NDArray[np.int64], entry: int) -> int:
    return int(np.searchsorted(indptr, entry, side="right")) - 1


def _integers(array: npt.ArrayLike, field: str) -> npt.NDArray[Any]:
    result = np.asarray(array)
    if result.size == 0:
        return np.zeros(result.shape, np.int64)
    if result.dtype.kind not in "iu":
        raise VectorError(f"found {result.dtype} numbers, expected integers", field=field)
    return result


def _floats(array: npt.ArrayLike) -> npt.NDArray[Any]:
    result = np.asarray(array)
    if result.size == 0:
        return np.zeros(result.shape, np.float32)
    if result.dtype.kind not in "fiu":
        raise VectorError(f"found {result.dtype} values, expected floats", field="values")
    return result


def _check_shape(starts: npt.NDArray[Any], ids: npt.NDArray[Any], weights: npt.NDArray[Any]) -> None:
    if starts.ndim != 1 or ids.ndim != 1 or weights.ndim != 1:
        raise VectorError(f"found arrays of {starts.ndim}, {ids.ndim} and {weights.ndim} axes, expected one axis each")
    if len(ids) != len(weights):
        raise VectorError(f"found {len(ids)} indices and {len(weights)} values, expected equal numbers")
    if len(starts) == 0 or starts[0] != 0 or starts[-1] != len(ids):
        raise VectorError(f"expected 0 at the start and {len(ids)}, the number of values, at the end", field="indptr")
    steps = np.diff(starts.astype(np.int64))
    if (steps < 0).any():
        raise VectorError("found a decrease", row=int(np.flatnonzero(steps < 0)[0]), field="indptr")


def _check_dimension(starts: npt.NDArray[Any], ids: npt.NDArray[Any], dimension: int | None) -> int:
    if len(ids) and ids.min() < 0:
        entry = int(np.argmin(ids))
        problem = f"found component {ids[entry]}, expected components from 0"
        raise VectorError(problem, row=_row_of(starts, entry), field="indices")
    largest = int(ids.max()) if len(ids) else -1
    limit = MAX_DIMENSION if dimension is None else dimension
    if not 0 <= limit <= MAX_DIMENSION:
        raise VectorError(f"found dimension {dimension}, expected 0 to {MAX_DIMENSION}")
    if largest >= limit:
        raise VectorError(
            f"found component {largest}, expected components below the dimension {limit}",
            row=_row_of(starts, int(np.argmax(ids))),
            field="indices",
        )
    return largest + 1 if dimension is None else dimension


def _check_values(starts: npt.NDArray[Any], weights: npt.NDArray[Any], least: np.float32) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        single = weights.astype(np.float32, copy=False)
    good = (single >= least) & (single <= MAX_VALUE)  # NaN is neither
    if not good.all():
        entry = int(np.flatnonzero(~good)[0])
        hint = "; repair drops it" if 0 <= weights[entry] < MIN_VALUE else ""
        raise VectorError(
            f"found {weights[entry]}, expected {MIN_VALUE:g} to {MAX_VALUE:g}{hint}",
            row=_row_of(starts, entry),
            field="values",
        )
    return single


def _check_order(starts: npt.NDArray[Any], ids: npt.NDArray[Any]) -> None:
    if len(ids) < 2:
        return
    rising = ids[1:] > ids[:-1]
    first_of_row = np.zeros(len(ids) + 1, bool)
    first_of_row[starts] = True
    bad = ~(rising | first_of_row[1:-1])
    if bad.any():
        entry = int(np.flatnonzero(bad)[0]) + 1
        kind = "duplicate component" if ids[entry] == ids[entry - 1] else "component"
        raise VectorError(
            f"found {kind} {ids[entry]} after {ids[entry - 1]}, expected strictly ascending components; repair "
            "sorts them and sums duplicates",
            row=_row_of(starts, entry),
            field="indices",
        )


def _repair(
    starts: npt.NDArray[Any], ids: npt.NDArray[Any], weights: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Drop values below MIN_VALUE, sort by (row, component), sum duplicates."""
    positive = weights >= MIN_VALUE
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[positive]
    ids, weights = ids[positive], weights[positive]
    order = np.lexsort((ids, rows))
    rows, ids, weights = rows[order], ids[order], weights[order]
    first = np.ones(len(ids), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (ids[1:] != ids[:-1])
    distinct = np.flatnonzero(first)
    counts = np.bincount(rows[distinct], minlength=len(starts) - 1)
    summed = np.add.reduceat(weights, distinct, dtype=np.float64) if len(distinct) else weights
    with np.errstate(over="ignore"):
        summed = summed.astype(np.float32)
    return np.concatenate([[0], np.cumsum(counts)]), ids[distinct], summed


def _list_column(table: pa.Table | pa.RecordBatch, name: str) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Return (offsets from 0, flat child array) of one list column."""
    if name not in table.schema.names:
        raise VectorError(f"column is missing; found {', '.join(table.schema.names)}", field=name)
    column = table.column(name)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise VectorError(f"found a column of {kind}, expected lists", field=name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise VectorError("found null, expected a list (an empty one is allowed)", row=row, field=name)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.values.slice(offsets[0], offsets[-1] - offsets[0])
