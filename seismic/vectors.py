"""Sparse vectors in CSR form, the engine's only vector format."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.conversion.csr import (
    MAX_DIMENSION,
    MAX_VALUE,
    MIN_VALUE,
    check_dimension,
    check_order,
    check_shape,
    check_values,
    floats,
    integers,
    repaired,
    row_of,
)
from seismic.conversion.matrices import is_matrix, to_csr
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, is_table, to_table
from seismic.errors import VectorError

if TYPE_CHECKING:
    import scipy.sparse

ComponentOf: TypeAlias = Callable[[Any], int | None]
"""Returns the component of a token."""

__all__ = [
    "MAX_DIMENSION",
    "MAX_VALUE",
    "MIN_VALUE",
    "ComponentOf",
    "SparseVectors",
    "VectorsLike",
    "as_vectors",
    "as_weights",
]

VectorsLike: TypeAlias = "SparseVectors | scipy.sparse.sparray | scipy.sparse.spmatrix | TableLike"
"""What `as_vectors` converts."""


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
        starts = integers(indptr, "indptr")
        ids = integers(components, "indices")
        weights = floats(values)
        check_shape(starts, ids, weights)
        width = check_dimension(starts, ids, dimension)
        least = np.float32(0) if repair else MIN_VALUE
        weights = check_values(starts, weights, least)
        if repair:
            starts, ids, weights = repaired(starts, ids, weights)
            check_values(starts, weights, MIN_VALUE)
        check_order(starts, ids)
        return cls.trusted(starts, ids, weights, width)

    @classmethod
    def from_scipy(cls, matrix: Any, *, repair: bool = False) -> Self:
        """Build from a scipy sparse matrix or array [n, dimension] of any format, or from a torch tensor."""
        if not is_matrix(matrix):
            raise VectorError(f"found a {type(matrix).__name__}, expected a scipy sparse matrix or a torch tensor")
        return cls.from_arrays(*to_csr(matrix), repair=repair)

    @classmethod
    def from_arrow(cls, table: TableLike, dimension: int | None = None, *, repair: bool = False) -> Self:
        """Build from list columns `indices` (integers) and `values` (floats), one vector per row.

        `table`: an Arrow table or record batch, a pandas or Polars data frame, or a mapping of both columns.
        """
        if not isinstance(table, pa.Table | pa.RecordBatch):
            table = to_table(table, "vectors")
        return cls.from_arrays(*_lists(table), dimension, repair=repair)

    @classmethod
    def from_dicts(cls, vectors: Sequence[Mapping[int, float]], dimension: int | None = None) -> Self:
        """Build from one mapping of component to value per vector, in any order."""
        expected = "expected a list of mappings from component to value"
        try:
            vectors = list(vectors)
        except TypeError:
            raise VectorError(f"found {excerpt(vectors)}, {expected}") from None
        for row, vector in enumerate(vectors):
            if not isinstance(vector, Mapping):
                raise VectorError(f"found {excerpt(vector)}, {expected}", row=row)
        try:
            ordered = [sorted(vector.items()) for vector in vectors]
        except (TypeError, ValueError) as error:
            raise VectorError(f"expected integers ({error})", field="indices") from None
        indptr = np.concatenate([[0], np.cumsum([len(pairs) for pairs in ordered], dtype=np.int64)])
        components = integers([component for pairs in ordered for component, _ in pairs], "indices")
        values = floats([value for pairs in ordered for _, value in pairs])
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


def as_vectors(vectors: VectorsLike, component_of: ComponentOf | None = None) -> SparseVectors:
    """Convert vectors of any kind.

    A scipy sparse matrix or array, a torch tensor or a dense NumPy array [n, dimension]; an Arrow table or a data frame
    with list columns `indices` and `values`; or a list of vectors, each one of these with one row, a mapping from
    component to value, pairs of both, or {"indices": [...], "values": [...]}. Components may be in any order; with
    `component_of` they may be tokens. Raises InputError.
    """
    if isinstance(vectors, SparseVectors):
        return vectors
    if is_matrix(vectors):
        return SparseVectors.from_scipy(vectors)
    if is_table(vectors):
        return _sorted(*_lists(to_table(vectors, "vectors")))
    if isinstance(vectors, list | tuple):
        return SparseVectors.concatenate([_one_vector(one, row, component_of) for row, one in enumerate(vectors)])
    raise VectorError(
        f"found a {type(vectors).__name__}, expected SparseVectors, a scipy sparse matrix, a torch tensor, a table "
        "with the columns 'indices' and 'values', or a list of vectors"
    )


def restricted(vectors: SparseVectors, kept: npt.NDArray[np.bool_], dimension: int) -> SparseVectors:
    """Return vectors with only the values that are `kept` bool [nnz], whose components are below `dimension`."""
    indptr = np.concatenate([[0], np.cumsum(kept)])[vectors.indptr]
    return SparseVectors.trusted(indptr, vectors.components[kept], vectors.values[kept], dimension)


def _one_vector(vector: Any, row: int, component_of: ComponentOf | None) -> SparseVectors:
    """Convert an element of a list. VectorError names its row."""
    try:
        if isinstance(vector, Mapping) and vector.keys() == {"indices", "values"}:
            components = integers(vector["indices"], "indices")
            return _sorted(np.array([0, components.size]), components, floats(vector["values"]))
        weights = as_weights(vector)
        if weights is not None:
            return SparseVectors.from_dicts([_by_component(weights, component_of)])
        if not (isinstance(vector, SparseVectors) or is_matrix(vector)):
            expected = "a mapping from component to value, a row of a sparse matrix, or 'indices' and 'values'"
            raise VectorError(f"found {excerpt(vector)}, expected {expected}")
        converted = as_vectors(vector)
        if len(converted) != 1:
            raise VectorError(f"found {len(converted)} vectors, expected one in each element of the list")
        return converted
    except VectorError as error:
        raise VectorError(error.problem, row=row, field=error.field) from None


def as_weights(vector: Any) -> Mapping[Any, Any] | None:
    """Return a mapping, or a list of pairs such as `SparseEncoder.decode` returns, as a mapping from component or token
    to weight; None for other objects. Raises VectorError if a pair repeats a component."""
    if isinstance(vector, Mapping):
        tokens = vector.get("tokens") if len(vector) == 1 else None
        return tokens if isinstance(tokens, Mapping) else vector
    if not isinstance(vector, list | tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in vector):
        return None
    weights: dict[Any, Any] = {}
    for key, weight in vector:
        if key in weights:
            raise VectorError(f"found {excerpt(key)} twice, expected each once")
        weights[key] = weight
    return weights


def _by_component(weights: Mapping[Any, Any], component_of: ComponentOf | None) -> Mapping[int, float]:
    if not any(isinstance(key, str) for key in weights):
        return weights
    if component_of is None:
        raise VectorError("found tokens, expected components; pass the vocabulary of the tokens", field="indices")
    unknown = next((key for key in weights if component_of(key) is None), None)
    if unknown is not None:
        raise VectorError(f"found {excerpt(unknown)}, expected tokens of the vocabulary", field="indices")
    return {component_of(key): weight for key, weight in weights.items()}  # type: ignore[misc]


def _sorted(starts: npt.NDArray[Any], ids: npt.NDArray[Any], weights: npt.NDArray[Any]) -> SparseVectors:
    """Sort the components of every row, and check all rules."""
    check_shape(starts, ids, weights)
    order = np.lexsort((ids, np.repeat(np.arange(len(starts) - 1), np.diff(starts))))
    return SparseVectors.from_arrays(starts, ids[order], weights[order])


def _frozen(array: npt.NDArray[Any], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a contiguous read-only view. Numba compiles once more for writable arrays, so all are read-only."""
    view = np.ascontiguousarray(array, kind).view()
    view.flags.writeable = False
    return view


def _lists(table: pa.Table | pa.RecordBatch) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the CSR triple of the columns `indices` and `values`."""
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
            raise VectorError("found a null in the list", row=row_of(starts, entry), field=name)
    return starts, ids.to_numpy(zero_copy_only=False), weights.to_numpy(zero_copy_only=False)


def _list_column(table: pa.Table | pa.RecordBatch, name: str) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Return (offsets from 0, flat child array) of one list column."""
    if name not in table.schema.names:
        raise VectorError(f"column is missing; found {', '.join(table.schema.names)}", field=name)
    column = table.column(name)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        column = column.cast(pa.large_list(kind.value_type))
    elif not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise VectorError(f"found a column of {kind}, expected lists", field=name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise VectorError("found null, expected a list (an empty one is allowed)", row=row, field=name)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.values.slice(offsets[0], offsets[-1] - offsets[0])
