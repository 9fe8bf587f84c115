"""Convert values of Arrow columns to Python."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.conversion.plain import duration_text
from seismic.errors import CorruptIndexError


def to_pylist(values: pa.Array, column: str) -> list[Any]:
    """Convert each value of a column by `to_python`. Raises CorruptIndexError for text that is not UTF-8."""
    try:
        listed: list[Any] = [*map(to_python, values)] if may_hold_times(values.type) else values.to_pylist()
    except UnicodeDecodeError as error:
        raise not_text(column, error) from None
    return listed


def text_bytes(values: pa.Array, rows: npt.NDArray[np.int64]) -> int:
    """Return the bytes of the texts in rows of a column, without reading them; 0 for a column of other values."""
    large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    if not (large or pa.types.is_string(values.type) or pa.types.is_binary(values.type)) or len(values) == 0:
        return 0
    kind = np.dtype(np.int64 if large else np.int32)
    offsets = np.frombuffer(values.buffers()[1], kind, len(values) + 1, values.offset * kind.itemsize)
    return int((offsets[rows + 1].astype(np.int64) - offsets[rows]).sum())


def not_text(column: str, error: Exception) -> CorruptIndexError:
    """Return the error that reports a column with text that is not UTF-8: opening an index does not read all text."""
    return CorruptIndexError(f"documents.arrow: {column}: found text that is not UTF-8 ({error}); see `seismic verify`")


def to_python(value: pa.Scalar) -> Any:
    """Convert a value like Arrow's `as_py`, but never fail.

    Dates, times and durations outside Python's types (nanoseconds, years above 9999) become ISO 8601 text; `as_py`
    raises ValueError or OverflowError for them, or returns pandas types.
    """
    kind = value.type
    if not value.is_valid:
        return None
    if pa.types.is_dictionary(kind):
        return to_python(value.value)
    if pa.types.is_struct(kind):
        return {name: to_python(part) for name, part in value.items()}
    if pa.types.is_map(kind):
        return [(to_python(entry["key"]), to_python(entry["value"])) for entry in value.values]
    if pa.types.is_nested(kind):
        return [to_python(element) for element in value.values]
    if getattr(kind, "unit", None) == "ns":
        if value.value % 1000:
            return _as_text(value)
        value = pa.scalar(value.value // 1000, pa.int64()).cast(_in_microseconds(kind))
    try:
        return value.as_py()
    except OverflowError:
        return _as_text(value)


def may_hold_times(kind: pa.DataType) -> bool:
    """Return whether Arrow's own conversion of a value may differ from `to_python`."""
    return bool(pa.types.is_temporal(kind) or pa.types.is_nested(kind) or pa.types.is_dictionary(kind))


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")


def _as_text(value: pa.Scalar) -> str:
    kind = value.type
    if pa.types.is_timestamp(kind):
        return f"{np.datetime64(value.value, kind.unit)}{'Z' if kind.tz else ''}"
    if pa.types.is_date(kind):
        return str(np.datetime64(value.value, "D" if pa.types.is_date32(kind) else "ms").astype("M8[D]"))
    if pa.types.is_duration(kind):
        return duration_text(value.value, kind.unit)
    return str(value.cast(pa.string()))
