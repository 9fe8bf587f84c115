"""Columns keep their values, or are refused."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from seismic import InputError
from seismic.documents.casting import cast_column

F32, F64 = pa.float32(), pa.float64()


def cast(values: list[Any], found: pa.DataType, wanted: pa.DataType) -> list[Any]:
    result: list[Any] = cast_column(
        pa.chunked_array([pa.array(values, found)]), pa.field("c", wanted), "documents"
    ).to_pylist()
    return result


@pytest.mark.parametrize(
    ("values", "found", "wanted"),
    [
        ([1, None], pa.int8(), pa.int64()),
        ([1, 127], pa.int64(), pa.int8()),
        ([0.5, None, 0.0], F64, F32),
        ([[0.5], None, [None]], pa.list_(F64), pa.list_(F32)),
        (["a", None], pa.dictionary(pa.int32(), pa.string()), pa.string()),
        ([{"a": 1.5}], pa.struct([("a", F64)]), pa.struct([("a", F32)])),
        ([Decimal("1.50")], pa.decimal128(5, 2), pa.decimal256(40, 2)),
        ([None], pa.null(), pa.int32()),
    ],
)
def test_values_are_kept(values: list[Any], found: pa.DataType, wanted: pa.DataType) -> None:
    assert cast(values, found, wanted) == values


def test_missing_fields_of_a_struct_are_null() -> None:
    wanted = pa.struct([("a", pa.int64()), ("b", pa.string())])
    assert cast([{"a": 1}], pa.struct([("a", pa.int64())]), wanted) == [{"a": 1, "b": None}]


@pytest.mark.parametrize(
    ("values", "found", "wanted", "problem"),
    [
        ([1, 128], pa.int64(), pa.int8(), "row 1, field 'c': found 128, expected int8"),
        ([0.5, 1e300], F64, F32, "row 1, field 'c': found 1e+300, expected float"),
        ([0.5, 1e-300], F64, F32, "row 1, field 'c': found 1e-300, expected float"),
        ([[1.0], [1e300]], pa.list_(F64), pa.list_(F32), "row 1, field 'c': found [1e+300], expected list<"),
        ([{"a": 1e300}], pa.struct([("a", F64)]), pa.struct([("a", F32)]), "row 0, field 'c': found {'a': 1e+300}"),
        ([16_777_217], pa.int64(), F32, "row 0, field 'c': found 16777217, expected float"),
        ([1.5], F64, pa.int64(), "row 0, field 'c': found 1.5, expected int64"),
        ([1500], pa.duration("ms"), pa.duration("s"), "row 0, field 'c': found datetime.timedelta(seconds=1, micro"),
        ([1500], pa.timestamp("ms"), pa.timestamp("s"), "row 0, field 'c': found datetime.datetime(1970"),
        ([86_400_005], pa.date64(), pa.date32(), "row 0, field 'c': found datetime.date(1970, 1, 2), expected date32"),
        ([0], pa.timestamp("s", "+05:00"), pa.timestamp("s"), "field 'c': found timestamp[s, tz=+05:00], expected ti"),
        ([Decimal("0.1")], pa.decimal128(5, 1), F64, "field 'c': found decimal128(5, 1), expected double"),
        ([0.125], F64, pa.decimal128(5, 2), "field 'c': found double, expected decimal128(5, 2)"),
        ([[Decimal("0.1")]], pa.list_(pa.decimal128(5, 1)), pa.list_(F64), "field 'c': found list<item: decimal128"),
        (
            [{"a": 1, "b": 2}],
            pa.struct([("a", pa.int8()), ("b", pa.int8())]),
            pa.struct([("a", pa.int8())]),
            "field 'c': found struct<a: int8, b: int8>, expected struct<a: int8>",
        ),
        ([1], pa.int64(), pa.string(), "field 'c': found int64, expected string"),
    ],
)
def test_what_would_alter_values_is_refused(
    values: list[Any], found: pa.DataType, wanted: pa.DataType, problem: str
) -> None:
    with pytest.raises(InputError) as error:
        cast(values, found, wanted)
    assert str(error.value).startswith(f"documents: {problem}")
