from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors, VectorError
from seismic.vectors import MAX_DIMENSION, as_vectors
from tests import naive, samples
from tests.naive import Row

ROWS: list[Row] = [{1: 0.5, 4: 2.0}, {}, {0: 1.5, 2: 0.25, 4: 1.0}]
TRIPLE = ([0, 2, 2, 5], [1, 4, 0, 2, 4], [0.5, 2.0, 1.5, 0.25, 1.0])


def table(indices: Sequence[Any], values: Sequence[Any], ids: Any = None, weights: Any = None) -> pa.Table:
    """Return columns of lists, of int32 and float32 by default."""
    return pa.table(
        {
            "indices": pa.array(indices, ids or pa.list_(pa.int32())),
            "values": pa.array(values, weights or pa.list_(pa.float32())),
        }
    )


# ---- what is made ------------------------------------------------------------------------------------------------


def test_the_arrays_are_typed_and_read_only() -> None:
    vectors = SparseVectors.from_arrays(*TRIPLE)
    assert [array.dtype for array in samples.csr(vectors)] == [np.int64, np.uint16, np.float32]
    assert not any(array.flags.writeable for array in samples.csr(vectors))
    assert (len(vectors), vectors.nnz, vectors.dimension) == (3, 5, 5)
    assert vectors.nbytes == 4 * 8 + 5 * 2 + 5 * 4
    assert repr(vectors) == "SparseVectors(3 vectors, 5 values, dimension 5)"


@pytest.mark.parametrize(("dimension", "kind"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_components_are_as_wide_as_the_dimension_needs(dimension: int, kind: type) -> None:
    vectors = SparseVectors.from_dicts([{dimension - 1: 1.0}])
    assert vectors.components.dtype == kind
    assert vectors.components.tolist() == [dimension - 1]
    assert vectors.dimension == dimension


def test_what_is_given_stays_writable() -> None:
    arrays = (np.array(TRIPLE[0]), np.array(TRIPLE[1], np.uint16), np.array(TRIPLE[2], np.float32))
    vectors = SparseVectors.from_arrays(*arrays)
    assert np.shares_memory(arrays[2], vectors.values)
    assert all(array.flags.writeable for array in arrays)


def test_vectors_are_read_by_number() -> None:
    vectors = SparseVectors.from_arrays(*TRIPLE)
    components, values = vectors[-1]
    assert (components.tolist(), values.tolist()) == ([0, 2, 4], [1.5, 0.25, 1.0])
    assert np.shares_memory(values, vectors.values)
    assert [len(vectors[row][0]) for row in range(3)] == [2, 0, 3]
    for row in (3, -4):
        with pytest.raises(IndexError, match=f"found vector {row}, expected one of 3"):
            vectors[row]


@given(samples.dimensions.flatmap(samples.sparse_rows))
def test_every_way_in_gives_the_same(rows: list[Row]) -> None:
    vectors = SparseVectors.from_dicts(rows, samples.WIDE)
    assert naive.rows(vectors) == rows
    indices, values = [list(row) for row in rows], [list(row.values()) for row in rows]
    arrow = table(indices, values)
    ways = [
        SparseVectors.from_arrays(*samples.csr(vectors), samples.WIDE),
        SparseVectors.from_scipy(vectors.to_scipy()),
        SparseVectors.from_scipy(scipy.sparse.csr_matrix(vectors.to_scipy())),
        SparseVectors.from_arrow(arrow, samples.WIDE),
        SparseVectors.from_arrow(arrow.slice(0), samples.WIDE),
    ]
    for other in ways:
        assert_equal(other, vectors)


def assert_equal(found: SparseVectors, expected: SparseVectors) -> None:
    assert found.dimension == expected.dimension
    for one, other in zip(samples.csr(found), samples.csr(expected), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@pytest.mark.parametrize("ids", [pa.int8(), pa.uint16(), pa.int64(), pa.uint64()])
@pytest.mark.parametrize("weights", [pa.float16(), pa.float64(), pa.int32()])
@pytest.mark.parametrize("kind", [pa.list_, pa.large_list])
def test_arrow_lists_of_any_number_type(ids: pa.DataType, weights: pa.DataType, kind: Callable[..., Any]) -> None:
    values: list[list[Any]] = [[1, 2], [], [3, 4, 5]]
    if pa.types.is_floating(weights):
        values = [[np.float16(value) for value in row] for row in values]
    vectors = SparseVectors.from_arrow(table([[1, 4], [], [0, 2, 4]], values, kind(ids), kind(weights)))
    assert naive.rows(vectors) == [{1: 1, 4: 2}, {}, {0: 3, 2: 4, 4: 5}]


def test_arrow_slices_chunks_and_batches() -> None:
    whole = table([list(row) for row in ROWS], [list(row.values()) for row in ROWS])
    assert naive.rows(SparseVectors.from_arrow(whole.slice(1, 2), 5)) == ROWS[1:]
    assert naive.rows(SparseVectors.from_arrow(pa.concat_tables([whole, whole.slice(2)]))) == [*ROWS, ROWS[2]]
    (batch,) = whole.to_batches()
    assert naive.rows(SparseVectors.from_arrow(batch)) == ROWS
    assert len(SparseVectors.from_arrow(whole.slice(0, 0))) == 0
    assert len(SparseVectors.from_arrow(whole.schema.empty_table())) == 0


def test_as_vectors_takes_all_three() -> None:
    vectors = SparseVectors.from_dicts(ROWS)
    assert as_vectors(vectors) is vectors
    assert_equal(as_vectors(vectors.to_scipy()), vectors)
    assert_equal(as_vectors(table([list(row) for row in ROWS], [list(row.values()) for row in ROWS])), vectors)
    with pytest.raises(VectorError, match=r"^row 0: found \[1.0\], expected a mapping from component to value, "):
        as_vectors([[1.0]])


def test_mappings_are_sorted() -> None:
    assert SparseVectors.from_dicts([{4: 1.0, 1: 2.0}]).components.tolist() == [1, 4]


def test_no_vectors_and_only_empty_vectors() -> None:
    nothing = SparseVectors.from_dicts([])
    assert (len(nothing), nothing.nnz, nothing.dimension) == (0, 0, 0)
    empty = SparseVectors.from_dicts([{}, {}], 7)
    assert (len(empty), empty.nnz, empty.dimension) == (2, 0, 7)
    assert empty.to_scipy().shape == (2, 7)


# ---- parts and wholes --------------------------------------------------------------------------------------------


@given(st.lists(samples.sparse_vectors(min_size=0), max_size=4))
def test_concatenation_keeps_all_rows(parts: list[SparseVectors]) -> None:
    whole = SparseVectors.concatenate(parts)
    assert naive.rows(whole) == [row for part in parts for row in naive.rows(part)]
    assert whole.dimension == max((part.dimension for part in parts), default=0)


@given(samples.sparse_vectors(), st.data())
def test_slices_are_views(vectors: SparseVectors, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(vectors)))
    stop = data.draw(st.integers(start, len(vectors)))
    part = vectors.slice(start, stop)
    assert naive.rows(part) == naive.rows(vectors)[start:stop]
    assert part.dimension == vectors.dimension
    assert part.nnz == 0 or np.shares_memory(part.values, vectors.values)


def test_widening() -> None:
    vectors = SparseVectors.from_dicts(ROWS)
    wide = vectors.widened(70_000)
    assert naive.rows(wide) == ROWS
    assert wide.dimension == 70_000
    assert wide.components.dtype == np.uint32
    with pytest.raises(VectorError, match=r"^field 'indices': found component 4, .* below the dimension 3"):
        vectors.widened(3)


# ---- repair ------------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3).map(float)), max_size=12), max_size=8))
def test_repair_sorts_adds_up_and_drops_zeros(rows: list[list[tuple[int, float]]]) -> None:
    indptr = samples.offsets([len(row) for row in rows], np.int64)
    components = [component for row in rows for component, _ in row]
    values = [value for row in rows for _, value in row]
    expected = []
    for row in rows:
        total: Row = {}
        for component, value in sorted(row):
            total[component] = total.get(component, 0) + value
        expected.append({component: value for component, value in total.items() if value})
    repaired = SparseVectors.from_arrays(indptr, components, values, 10, repair=True)
    assert naive.rows(repaired) == expected
    scipy_sums = scipy.sparse.csr_array((np.array(values, float), components, indptr), shape=(len(rows), 10)).toarray()
    np.testing.assert_array_equal(repaired.to_scipy().toarray(), scipy_sums)


def test_repair_from_scipy_and_arrow() -> None:
    unsorted = scipy.sparse.csr_array(([1.0, 2.0, 0.0], [2, 0, 1], [0, 3]), shape=(1, 3))
    assert naive.rows(SparseVectors.from_scipy(unsorted, repair=True)) == [{0: 2, 2: 1}]
    assert naive.rows(SparseVectors.from_arrow(table([[2, 0, 0]], [[1, 2, 3]]), repair=True)) == [{0: 5, 2: 1}]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 1e39])
def test_repair_leaves_wrong_values_errors(value: float) -> None:
    with pytest.raises(VectorError, match=r"^row 1, field 'values': found .*, expected 1e-15 to 1e\+15"):
        SparseVectors.from_arrays([0, 1, 2], [0, 0], [1.0, value], repair=True)


def test_repair_leaves_ids_out_of_range_errors() -> None:
    with pytest.raises(VectorError, match=r"^row 0, field 'indices': found component -1"):
        SparseVectors.from_arrays([0, 1], [-1], [1.0], repair=True)


def test_repair_reports_sums_beyond_float32() -> None:
    with pytest.raises(VectorError, match=r"^row 1, field 'values': .*expected 1e-15 to"):
        SparseVectors.from_arrays([0, 1, 3], [0, 5, 5], [1.0, 1e15, 1e15], repair=True)


# ---- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indptr", "components", "values", "message"),
    [
        ([0, 1], [0], [0.0], r"^row 0, field 'values': found 0.0, .* repair drops it$"),
        (
            [0, 0, 1],
            [0],
            [np.nan],
            r"^row 1, field 'values': found nan, expected 1e-15 to 1e\+15",
        ),
        ([0, 1, 2], [0, 0], [1, np.inf], r"^row 1, field 'values': found inf"),
        ([0, 2], [0, 1], [1, -2], r"^row 0, field 'values': found -2"),
        ([0, 2], [0, 1], [1, 1e39], r"^row 0, field 'values': found 1e\+39"),
        (
            [0, 2],
            [0, 1],
            [1, 1e-50],
            r"^row 0, field 'values': found 1e-50, expected 1e-15 to 1e\+15",
        ),
        ([0, 1, 3], [7, 3, 3], [1, 1, 1], r"^row 1, field 'indices': found duplicate component 3 after 3, .*repair"),
        ([0, 1, 3], [7, 3, 2], [1, 1, 1], r"^row 1, field 'indices': found component 2 after 3"),
        ([0, 1, 2], [0, -4], [1, 1], r"^row 1, field 'indices': found component -4, expected components from 0$"),
        (
            [0, 0, 1],
            [MAX_DIMENSION],
            [1],
            r"^row 1, field 'indices': found component 4294967296, .* dimension 4294967296",
        ),
        ([0, 0, 1], [2**63], [1], r"^row 1, field 'indices': found component 9223372036854775808"),
        ([0, 1], [1.0], [1], r"^field 'indices': found float64 numbers, expected integers$"),
        ([0, 1], [True], [1], r"^field 'indices': found bool numbers"),
        ([0.0, 1.0], [1], [1], r"^field 'indptr': found float64 numbers, expected integers$"),
        ([0, 1], [1], ["a"], r"^field 'values': found <U1 values, expected floats$"),
        ([0, 1], [1], [1j], r"^field 'values': found complex128 values"),
        ([0, 2], [1, 2], [1], r"^found 2 indices and 1 values, expected equal numbers$"),
        ([1, 2], [1, 2], [1, 1], r"^field 'indptr': expected 0 at the start and 2"),
        ([0, 1], [1, 2], [1, 1], r"^field 'indptr': expected 0 at the start and 2"),
        ([], [], [], r"^field 'indptr': expected 0 at the start and 0"),
        ([0, 2, 1, 2], [1, 2], [1, 1], r"^row 1, field 'indptr': found a decrease$"),
        ([0, 1], [[1]], [1], r"^found arrays of 1, 2 and 1 axes, expected one axis each$"),
    ],
)
def test_broken_rules_name_row_and_field(indptr: Any, components: Any, values: Any, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        SparseVectors.from_arrays(indptr, components, values)


def test_components_beyond_the_dimension() -> None:
    with pytest.raises(VectorError, match=r"^row 2, field 'indices': found component 4, .* below the dimension 4$"):
        SparseVectors.from_arrays([0, 1, 2, 4], [3, 0, 2, 4], [1, 1, 1, 1], 4)


@pytest.mark.parametrize("dimension", [-1, MAX_DIMENSION + 1])
def test_dimensions_out_of_range(dimension: int) -> None:
    with pytest.raises(VectorError, match=f"^found dimension {dimension}, expected 0 to {MAX_DIMENSION}$"):
        SparseVectors.from_arrays([0], [], [], dimension)


@pytest.mark.parametrize("vector", [{1.5: 2.0}, {"7": 2.0}, {2**70: 1.0}])
def test_mappings_need_integer_components(vector: Any) -> None:
    with pytest.raises(VectorError, match="indices"):
        SparseVectors.from_dicts([vector])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (pa.table({"values": [[1.0]]}), r"^field 'indices': column is missing; found values$"),
        (table([[1], None], [[1], [1]]), r"^row 1, field 'indices': found null, expected a list"),
        (table([[1], [2]], [[1], None]), r"^row 1, field 'values': found null, expected a list"),
        (table([[1], [2, None]], [[1], [1, 1]]), r"^row 1, field 'indices': found a null in the list$"),
        (table([[], [2, 3]], [[], [1, None]]), r"^row 1, field 'values': found a null in the list$"),
        (table([[1], [2]], [[1], [1, 2]]), r"^row 1: found 1 indices and 2 values, expected equal numbers$"),
        (table([1], [[1]], pa.int32()), r"^field 'indices': found a column of int32, expected lists$"),
        (table([["a"]], [[1]], pa.list_(pa.string())), r"^field 'indices': found lists of string, .* integers$"),
        (table([[1]], [["a"]], None, pa.list_(pa.string())), r"^field 'values': found lists of string, .* floats$"),
        (table([[1], [1, 1]], [[1], [1, 1]]), r"^row 1, field 'indices': found duplicate component"),
    ],
)
def test_arrow_tables_that_break_rules(bad: pa.Table, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        SparseVectors.from_arrow(bad)


def test_errors_in_slices_count_from_the_slice() -> None:
    with pytest.raises(VectorError, match=r"^row 0, field 'indices': found a null in"):
        SparseVectors.from_arrow(table([[1], [None]], [[1], [1]]).slice(1))


# ---- what people have --------------------------------------------------------------------------------------------

DENSE = np.array([[0, 0.5, 0, 0, 2.0], [0, 0, 0, 0, 0], [1.5, 0, 0.25, 0, 1.0]], np.float32)
MATRIX = scipy.sparse.csr_array(DENSE)
LISTS = {"indices": [[1, 4], [], [0, 2, 4]], "values": [[0.5, 2.0], [], [1.5, 0.25, 1.0]]}


class Tensor:
    """A stand-in for torch.Tensor: the methods that are called, with torch's results."""

    def __init__(self, layout: str, array: np.ndarray, dtype: str = "torch.float32") -> None:
        self.layout, self.array, self.dtype, self.ndim, self.shape = layout, array, dtype, array.ndim, array.shape

    def detach(self) -> "Tensor":
        return self

    cpu = coalesce = float = detach

    def to_sparse_coo(self) -> "Tensor":
        return Tensor("torch.sparse_coo", self.array)

    def indices(self) -> "Tensor":
        return Tensor("torch.strided", np.stack(np.nonzero(self.array)))

    def values(self) -> "Tensor":
        return Tensor("torch.strided", self.array[np.nonzero(self.array)])

    def numpy(self) -> np.ndarray:
        return self.array


Tensor.__module__ = "torch"


class Frame:
    """A stand-in for a data frame: an object with the Arrow PyCapsule interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "vectors",
    [
        *(MATRIX.asformat(form) for form in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")),
        scipy.sparse.csc_matrix(MATRIX),
        [scipy.sparse.csr_array(row[np.newaxis]) for row in DENSE],
        [scipy.sparse.coo_array(row) for row in DENSE],
        DENSE,
        DENSE.astype(np.float64),
        list(DENSE),
        Tensor("torch.sparse_coo", DENSE),
        Tensor("torch.sparse_csr", DENSE),
        Tensor("torch.sparse_csc", DENSE),
        Tensor("torch.strided", DENSE, "torch.bfloat16"),
        [Tensor("torch.sparse_coo", row) for row in DENSE],
        pa.table(LISTS),
        pa.table(LISTS).to_batches()[0],
        Frame(pa.table(LISTS)),
        pa.table(
            {
                name: pa.array(column, pa.list_view(pa.float32() if name == "values" else pa.int8()))
                for name, column in LISTS.items()
            }
        ),
        [dict(zip(*row, strict=True)) for row in zip(*LISTS.values(), strict=True)],
        [list(zip(*row, strict=True))[::-1] for row in zip(*LISTS.values(), strict=True)],
        [{"indices": ids[::-1], "values": values[::-1]} for ids, values in zip(*LISTS.values(), strict=True)],
        [{np.int64(1): np.float32(0.5), np.uint8(4): 2}, {}, {0: 1.5, 2: 0.25, 4: 1}],
        tuple(SparseVectors.from_dicts([row], 5) for row in ROWS),
    ],
)
def test_vectors_of_every_kind(vectors: Any) -> None:
    assert naive.rows(as_vectors(vectors)) == ROWS


def test_rows_are_sorted_without_changing_the_argument() -> None:
    unsorted = scipy.sparse.csr_array((np.array([2.0, 0.5]), np.array([4, 1]), np.array([0, 2])), shape=(1, 5))
    assert naive.rows(as_vectors(unsorted)) == ROWS[:1]
    assert unsorted.indices.tolist() == [4, 1]
    assert naive.rows(as_vectors(table([[4, 1]], [[2.0, 0.5]]))) == ROWS[:1]


def test_fixed_size_lists() -> None:
    pair = pa.table(
        {
            "indices": pa.array([[1, 4]], pa.list_(pa.int32(), 2)),
            "values": pa.array([[0.5, 2]], pa.list_(pa.float32(), 2)),
        }
    )
    assert naive.rows(as_vectors(pair)) == ROWS[:1]


def test_tokens_need_a_vocabulary() -> None:
    pairs = [[("b", 2.0), ("a", 1.0)], {"b": 3.0}, {"tokens": {"a": 1.0}}]
    assert naive.rows(as_vectors(pairs, {"a": 0, "b": 1}.get)) == [{0: 1.0, 1: 2.0}, {1: 3.0}, {0: 1.0}]
    with pytest.raises(VectorError, match=r"^row 0, field 'indices': found tokens, .*; pass the vocabulary"):
        as_vectors(pairs)
    with pytest.raises(VectorError, match=r"^row 1, field 'indices': found 'c', expected tokens of the vocabulary"):
        as_vectors([{"a": 1.0}, {"c": 1.0}], {"a": 0}.get)
    with pytest.raises(VectorError, match=r"^row 0: found 'a' twice, expected each once"):
        as_vectors([[("a", 1.0), ("a", 2.0)]], {"a": 0}.get)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (MATRIX.astype(bool), "^field 'values': found bool values"),
        (-MATRIX, "^row 0, field 'values': found -0.5"),
        (
            Tensor("torch._mkldnn", DENSE),
            "^found a torch tensor of layout _mkldnn and 2 axes, expected one or two axes",
        ),
        (np.zeros((1, 2, 3)), "^found an array of float64 with 3 axes, expected numbers with one or two axes$"),
        ([DENSE], "^row 0: found 3 vectors, expected one in each element of the list$"),
        ([{0: 1.0}, None], "^row 1: found None, expected a mapping from component to value"),
        ([{"indices": [1], "values": [1, 2]}], "^row 0: found 1 indices and 2 values"),
        (
            "abc",
            "^found a str, expected SparseVectors, a scipy sparse matrix, a torch tensor, a table with the columns",
        ),
    ],
)
def test_what_is_no_vectors(vectors: Any, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        as_vectors(vectors)
