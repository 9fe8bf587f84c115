from typing import Any

import pyarrow as pa
import pytest

from seismic import ParameterError
from seismic.documents.types import parse_type

TYPES = [
    *(pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.binary(), pa.binary(4), pa.date32(), pa.date64()),
    *(pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.timestamp("s", "+02:00"), pa.timestamp("s", "Europe/Berlin")),
    *(pa.time32("ms"), pa.time64("ns"), pa.duration("s"), pa.decimal128(10, 2), pa.decimal256(40, -3)),
    *(pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.int8(), 3), pa.list_(pa.null())),
    pa.list_(pa.field("x", pa.int8(), nullable=False)),
    pa.struct([("a", pa.int8()), ("long name", pa.list_(pa.date32()))]),
    pa.map_(pa.string(), pa.int64()),
    pa.dictionary(pa.int32(), pa.string()),
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_name_that_arrow_prints_is_its_type(kind: pa.DataType) -> None:
    assert parse_type(str(kind), "") == kind
    assert parse_type(kind, "") is kind


def test_short_names() -> None:
    assert parse_type(" list<string> ", "") == pa.list_(pa.string())
    assert parse_type("float64", "") == pa.float64()
    assert parse_type("decimal128(10,2)", "") == pa.decimal128(10, 2)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "int",
        "list<",
        "list<string>>",
        "struct<>",
        "decimal128(99, 1)",
        "timestamp[us, tz=Nowhere/X]",
        "list<" * 99,
        3,
    ],
)
def test_errors_name_column_and_examples(kind: Any) -> None:
    with pytest.raises(ParameterError, match=r"^column 'a': found type .*, expected an Arrow type such as str"):
        parse_type(kind, "column 'a'")
