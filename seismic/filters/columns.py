"""Column types and values for filters."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.conversion.plain import PER_SECOND
from seismic.filters.range_ends import highest, lowest


def is_list(kind: pa.DataType) -> bool:
    """Return whether a row holds a list of values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def element_of(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values: of a list its elements, of a dictionary its decoded values."""
    inner = kind.value_type if is_list(kind) else kind
    return inner.value_type if pa.types.is_dictionary(inner) else inner


def is_text(kind: pa.DataType) -> bool:
    """Return whether values are strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_time(kind: pa.DataType) -> bool:
    """Return whether values are dates or timestamps."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def is_ordered(kind: pa.DataType) -> bool:
    """Return whether the type supports ranges."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_time(kind))


def storage_of(kind: pa.DataType) -> np.dtype[Any]:
    """Return the NumPy type of an ordered type's values. Dates and timestamps are integers."""
    storage: np.dtype[Any] = np.dtype(_plain(kind).to_pandas_dtype())
    return storage


def _plain(kind: pa.DataType) -> pa.DataType:
    if is_time(kind):
        return pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return kind


class Column(NamedTuple):
    """The properties of a column that filters use.

    ``element``: type of its values; ``storage`` and ``ends``: NumPy type, smallest and largest value if the type is
    ordered; ``per_second``: units per second of dates and timestamps; ``type``: Python type of values to match, None if
    they cannot be matched; ``words``: description for error messages.
    """

    element: pa.DataType
    storage: np.dtype[Any] | None
    ends: tuple[int | float, int | float]
    per_second: int | Fraction | None
    type: type | None
    words: str


def columns_of(schema: pa.Schema) -> dict[str, Column]:
    """Return the columns of documents by name."""
    return {field.name: _column(field.name, field.type) for field in schema}


def _column(name: str, kind: pa.DataType) -> Column:
    element = element_of(kind)
    storage = storage_of(element) if is_ordered(element) else None
    ends = (0, 0) if storage is None else (lowest(storage), highest(storage))
    words = f"column '{name}' is {kind}"
    return Column(element, storage, ends, per_second_of(element), _type_of(element), words)


def per_second_of(kind: pa.DataType) -> int | Fraction | None:
    """Return the number of a type's units per second; None for types other than dates and timestamps."""
    if not is_time(kind):
        return None
    if pa.types.is_date32(kind):
        return Fraction(1, 86_400)
    return PER_SECOND["ms" if pa.types.is_date(kind) else kind.unit]


def _type_of(kind: pa.DataType) -> type | None:
    if is_text(kind):
        return str
    if pa.types.is_integer(kind):
        return int
    return bool if pa.types.is_boolean(kind) else None


class Values(NamedTuple):
    """Values of an ordered type by row; ``valid`` is false for nulls and NaN."""

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]


def values_of(chunks: Iterable[pa.Array], kind: pa.DataType) -> Values:
    """Return the values of all chunks of a column."""
    parts = [_values_of(chunk) for chunk in chunks]
    if not parts:
        return Values(np.zeros(0, storage_of(kind)), np.zeros(0, bool))
    return Values(*map(np.concatenate, zip(*parts, strict=True)))


def _values_of(chunk: pa.Array) -> Values:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    valid = to_mask(chunk.is_valid())
    if pa.types.is_floating(chunk.type):
        values = chunk.to_numpy(zero_copy_only=False)  # nulls become NaN
        return Values(values, valid & ~np.isnan(values))
    return Values(pc.fill_null(chunk.view(_plain(chunk.type)), 0).to_numpy(), valid)


def to_mask(holds: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """Return bool [rows], false for nulls."""
    mask: npt.NDArray[np.bool_] = pc.fill_null(holds, False).to_numpy(zero_copy_only=False)
    return mask
