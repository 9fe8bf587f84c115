import pyarrow as pa
import pytest

from seismic.documents.widening import column_in, holds_null_type, widened, with_schema

A = pa.struct([("a", pa.int64())])
AB = pa.struct([("a", pa.float64()), ("b", pa.string())])


@pytest.mark.parametrize(
    ("stored", "found", "expected"),
    [
        (pa.null(), pa.int64(), pa.int64()),
        (pa.null(), pa.dictionary(pa.int32(), pa.string()), pa.string()),
        (pa.string(), pa.null(), pa.string()),
        (pa.int32(), pa.float32(), pa.float64()),
        (pa.float32(), pa.int64(), pa.float32()),
        (pa.int32(), pa.int64(), pa.int32()),  # values that do not fit are errors
        (pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
        (pa.large_list(pa.int8()), pa.list_(pa.float64()), pa.large_list(pa.float64())),
        (pa.list_(pa.int8(), 2), pa.list_(pa.float64(), 2), pa.list_(pa.float64(), 2)),
        (A, AB, AB),
        (AB, A, AB),
        (pa.list_(A), pa.list_(pa.struct([("b", pa.string())])), pa.list_(pa.struct([*A, pa.field("b", pa.string())]))),
        (pa.string(), pa.int64(), None),
        (pa.int64(), pa.bool_(), None),
        (pa.list_(pa.string()), pa.string(), None),
        (A, pa.struct([("a", pa.string())]), None),
        (pa.decimal128(5, 2), pa.float64(), None),
    ],
    ids=str,
)
def test_widened(stored: pa.DataType, found: pa.DataType, expected: pa.DataType | None) -> None:
    assert widened(stored, found) == expected


@pytest.mark.parametrize(
    ("stored", "found", "expected"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int64(), pa.int32(), pa.int64()),
        (pa.uint32(), pa.int64(), pa.int64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.list_(pa.int8()), pa.list_(pa.int16()), pa.list_(pa.int16())),
        (pa.int64(), pa.string(), None),
    ],
    ids=str,
)
def test_declared_types_may_be_wider(stored: pa.DataType, found: pa.DataType, expected: pa.DataType | None) -> None:
    assert widened(stored, found, declared=True) == expected


def test_types_without_values() -> None:
    assert holds_null_type(pa.null())
    assert holds_null_type(pa.struct([("a", pa.list_(pa.null()))]))
    assert not holds_null_type(AB)


@pytest.mark.parametrize(
    "kind", [pa.string(), A, pa.list_(A), pa.map_(pa.string(), pa.int8()), pa.timestamp("us", "UTC"), pa.list_(A, 2)]
)
def test_missing_columns_and_those_without_values_are_null(kind: pa.DataType) -> None:
    table = pa.table({"id": [1, 2], "empty": pa.nulls(2)})
    for name in ("empty", "missing"):
        column = column_in(table, name, kind)
        assert (column.type, column.to_pylist()) == (kind, [None, None])


def test_tables_in_a_later_schema() -> None:
    table = pa.table({"id": [1], "n": [2], "s": pa.array(["x"]).dictionary_encode(), "tags": [[]], "meta": [{"a": 1}]})
    schema = pa.schema(
        {
            "id": pa.int64(),
            "n": pa.float64(),
            "s": pa.string(),
            "tags": pa.list_(pa.string()),
            "meta": AB,
            "new": pa.int8(),
        }
    )
    later = with_schema(table, schema)
    assert later.schema == schema
    assert later.to_pylist() == [{"id": 1, "n": 2.0, "s": "x", "tags": [], "meta": {"a": 1.0, "b": None}, "new": None}]
    assert with_schema(later, schema) is later
