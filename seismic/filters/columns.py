"""Column types and values for filters."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.conversion.plain import PER_SECOND
from seismic.filters.paths import Path, follow, is_list, resolve
from seismic.filters.range_ends import highest, lowest
from seismic.view.live import LiveShard


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


def is_clock(kind: pa.DataType) -> bool:
    """Return whether values are times of day or durations."""
    return bool(pa.types.is_time(kind) or pa.types.is_duration(kind))


def is_point(kind: pa.DataType) -> bool:
    """Return whether values are structs with the numbers `lat` and `lon`."""
    if not pa.types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return all(
        name in fields and (pa.types.is_floating(fields[name]) or pa.types.is_integer(fields[name]))
        for name in ("lat", "lon")
    )


def storage_of(kind: pa.DataType) -> np.dtype[Any] | None:
    """Return the NumPy type of an ordered type's values, None for other types.

    Dates, times and durations are integers. Decimals are objects, which NumPy cannot hold as numbers.
    """
    if pa.types.is_decimal(kind):
        return np.dtype(object)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_time(kind) or is_clock(kind):
        storage: np.dtype[Any] = np.dtype(plain_of(kind).to_pandas_dtype())
        return storage
    return None


def plain_of(kind: pa.DataType) -> pa.DataType:
    """Return the integer type that dates, times and durations are stored as; other types as they are."""
    if is_time(kind) or is_clock(kind):
        return pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64()
    return kind


class Column(NamedTuple):
    """The properties of a column that filters use.

    ``path``: the column and fields of structs; ``kind``: type of a document's value; ``element``: of its values;
    ``storage`` and ``ends``: NumPy type, smallest and largest value if the type is ordered, decimals in units of their
    last digit; ``per_unit``: such units per 1, or units per second of dates, times and durations.
    """

    path: Path
    kind: pa.DataType
    element: pa.DataType
    storage: np.dtype[Any] | None
    ends: tuple[int | float, int | float]
    per_unit: int | Fraction | None
    words: str


def columns_of(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Return the types of documents' columns by name."""
    return {field.name: field.type for field in schema}


def column_of(key: str, kinds: Mapping[str, pa.DataType]) -> Column:
    """Return the column of a key, see `resolve`. Raises UnknownKeyError."""
    path, kind = resolve(key, kinds)
    element = element_of(kind)
    storage = storage_of(element)
    words = f"column '{key}' is {kind}"
    return Column(path, kind, element, storage, _ends_of(element, storage), per_unit_of(element), words)


def _ends_of(kind: pa.DataType, storage: np.dtype[Any] | None) -> tuple[int | float, int | float]:
    if storage is None:
        return 0, 0
    if pa.types.is_decimal(kind):
        largest = 10**kind.precision - 1
        return -largest, largest
    return lowest(storage), highest(storage)


def per_unit_of(kind: pa.DataType) -> int | Fraction | None:
    """Return the number of units per 1 of decimals, and per second of dates, times and durations; else None."""
    if pa.types.is_decimal(kind):
        scale: int = kind.scale
        return 10**scale if scale >= 0 else Fraction(1, 10**-scale)
    if pa.types.is_date32(kind):
        return Fraction(1, 86_400)
    if is_time(kind) or is_clock(kind):
        units: int = PER_SECOND["ms" if pa.types.is_date(kind) else kind.unit]
        return units
    return None


def per_second_of(kind: pa.DataType) -> int | Fraction | None:
    """Return the number of a type's units per second; None for types other than dates and timestamps."""
    return per_unit_of(kind) if is_time(kind) else None


def decimal_of(units: int, kind: pa.DataType) -> Decimal:
    """Return a decimal from its units, without rounding."""
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -kind.scale))


class Values(NamedTuple):
    """Values of an ordered type by row; ``valid`` is false for nulls and NaN."""

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]


def values_of(chunks: Iterable[pa.Array], kind: pa.DataType) -> Values:
    """Return the values of all chunks of a column of an ordered type except decimals."""
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
    return Values(pc.fill_null(chunk.view(plain_of(chunk.type)), 0).to_numpy(), valid)


def to_mask(holds: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """Return bool [rows], false for nulls."""
    mask: npt.NDArray[np.bool_] = pc.fill_null(holds, False).to_numpy(zero_copy_only=False)
    return mask


def chunks_of(shard: LiveShard, path: Path) -> list[pa.Array]:
    """Return the chunks of the column that a path begins with, in the order of document numbers; at least one."""
    column = shard.column(path[0])
    return column.chunks or [pa.array([], column.type)]


def values_at(shard: LiveShard, path: Path) -> pa.ChunkedArray:
    """Return the values at the end of a path that leads through no list, in the order of document numbers."""
    return pa.chunked_array([follow(chunk, path[1:]).values for chunk in chunks_of(shard, path)])
