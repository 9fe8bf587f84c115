"""Columns of documents, as filters see them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.documents.values import PER_SECOND
from seismic.filters.ends import highest, lowest


def is_list(kind: pa.DataType) -> bool:
    """Whether a row has many values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def element_of(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, or of those in its lists; that of a dictionary is what it stands for."""
    inner = kind.value_type if is_list(kind) else kind
    return inner.value_type if pa.types.is_dictionary(inner) else inner


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_time(kind: pa.DataType) -> bool:
    """Whether values are dates or points in time."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def is_ordered(kind: pa.DataType) -> bool:
    """Whether values have ranges."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_time(kind))


def storage_of(kind: pa.DataType) -> np.dtype[Any]:
    """How NumPy sees the values of an ordered type; dates and times are counts."""
    storage: np.dtype[Any] = np.dtype(_plain(kind).to_pandas_dtype())
    return storage


def _plain(kind: pa.DataType) -> pa.DataType:
    if is_time(kind):
        return pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return kind


class Column(NamedTuple):
    """What filters need to know of a column: the type of its values (``element``), their ``storage`` and its least and
    largest value (``ends``) if they have ranges, how many of them are a second (``per_second``) if they are dates or
    times, of what ``type`` those to match are in JSON, if there is one; ``words`` for problems say what it is."""

    element: pa.DataType
    storage: np.dtype[Any] | None
    ends: tuple[int | float, int | float]
    per_second: int | Fraction | None
    type: type | None
    words: str


def columns_of(schema: pa.Schema) -> dict[str, Column]:
    """The columns of documents, by name."""
    return {field.name: _column(field.name, field.type) for field in schema}


def _column(name: str, kind: pa.DataType) -> Column:
    element = element_of(kind)
    storage = storage_of(element) if is_ordered(element) else None
    ends = (0, 0) if storage is None else (lowest(storage), highest(storage))
    words = f"column '{name}' is {kind}"
    return Column(element, storage, ends, per_second_of(element), _type_of(element), words)


def per_second_of(kind: pa.DataType) -> int | Fraction | None:
    """How many of a type's units are a second; None if it is none of dates or times."""
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
    """Values of an ordered type by row, and bool: whether there is one that can be compared."""

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]


def values_of(chunks: Iterable[pa.Array], kind: pa.DataType) -> Values:
    """The values of a column, or of lists' elements, chunk after chunk."""
    parts = [_values_of(chunk) for chunk in chunks]
    if not parts:
        return Values(np.zeros(0, storage_of(kind)), np.zeros(0, bool))
    return Values(*map(np.concatenate, zip(*parts, strict=True)))


def _values_of(chunk: pa.Array) -> Values:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    valid = to_mask(chunk.is_valid())
    if pa.types.is_floating(chunk.type):
        values = chunk.to_numpy(zero_copy_only=False)  # null is NaN
        return Values(values, valid & ~np.isnan(values))
    return Values(pc.fill_null(chunk.view(_plain(chunk.type)), 0).to_numpy(), valid)


def to_mask(holds: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """bool [rows]; null is false."""
    mask: npt.NDArray[np.bool_] = pc.fill_null(holds, False).to_numpy(zero_copy_only=False)
    return mask
