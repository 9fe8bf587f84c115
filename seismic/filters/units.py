"""Convert values of filters to what columns store, without rounding except to a column's floats."""

import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from seismic.errors import FilterError
from seismic.filters.columns import Column, decimal_of, is_text, is_time
from seismic.filters.instants import seconds_of_day, seconds_of_duration, seconds_since_epoch
from seismic.filters.range_ends import Exact, nearest

MOST_DIGITS, MOST_EXPONENT = 100, 400
"""Characters of the longest text of a decimal, and digits on either side of its point; floats have up to 324."""

Stored: TypeAlias = str | int | float | bool | Decimal
"""A value as predicates hold it: dates, times and durations are integers."""


def expected_of(kind: pa.DataType) -> str | None:
    """Return in words which values of filters fit a type; None if none do."""
    if is_text(kind):
        return "a string"
    if pa.types.is_integer(kind):
        return "an integer"
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_floating(kind):
        return "a number"
    if pa.types.is_decimal(kind):
        return "a number, or its text such as '1.50'"
    if is_time(kind):
        return "a date or time such as '2024-05-01' or '2024-05-01T12:00:00Z'"
    if pa.types.is_time(kind):
        return "a time of day such as '12:30:00'"
    return "a duration such as 'PT1.5S' or 'P1DT2H'" if pa.types.is_duration(kind) else None


def in_units(value: Any, column: Column, path: str) -> Exact:
    """Return a number in the unit of an ordered column, without rounding. Raises FilterError."""
    kind = column.element
    if pa.types.is_decimal(kind):
        return _decimal(value, column, path)
    if column.per_unit is None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _misfit(value, "a number", column, path)
        return value
    expected = expected_of(kind)
    if not isinstance(value, str):
        raise _misfit(value, str(expected), column, path)
    try:
        return _seconds_reader(kind)(value) * column.per_unit
    except ValueError as error:
        raise FilterError(f"found {reprlib.repr(value)}, expected {expected} ({error})", path) from None


def _seconds_reader(kind: pa.DataType) -> Callable[[str], Fraction]:
    if is_time(kind):
        return seconds_since_epoch
    return seconds_of_day if pa.types.is_time(kind) else seconds_of_duration


def _decimal(value: Any, column: Column, path: str) -> Exact:
    """Return a decimal in units of its last digit. A float stands for its shortest text, as in JSON."""
    assert column.per_unit is not None
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        text = repr(value) if isinstance(value, float) else value
        try:
            number = Decimal(text) if isinstance(text, int) or len(text) <= MOST_DIGITS else None
            if number is not None and number.is_finite() and abs(number.adjusted()) <= MOST_EXPONENT:
                return Fraction(number) * column.per_unit
        except InvalidOperation:
            pass
    raise _misfit(value, str(expected_of(column.element)), column, path)


def stored_values(values: Sequence[Any], column: Column, path_of: Callable[[int], str]) -> Iterable[Stored]:
    """Return values to match as a column stores them, without those that it cannot store.

    `path_of` returns the path of the value at an index. Raises FilterError for values of another type.
    """
    kind, kinds = column.element, set(map(type, values))
    if is_text(kind) and kinds <= {str}:
        return encodable(values)
    if pa.types.is_integer(kind) and kinds <= {int}:
        smallest, largest = column.ends
        return [value for value in values if smallest <= value <= largest]
    stored = (_stored(value, column, path_of(at)) for at, value in enumerate(values))
    return [value for value in stored if value is not None]


def _stored(value: Any, column: Column, path: str) -> Stored | None:
    """Return a value as stored; None if the column cannot store it."""
    kind = column.element
    if is_text(kind) or pa.types.is_boolean(kind):
        if type(value) is not (str if is_text(kind) else bool):
            raise _misfit(value, str(expected_of(kind)), column, path)
        stored: Stored = value
        return stored
    if pa.types.is_integer(kind) and (type(value) not in (int, float) or value != math.floor(value)):
        raise _misfit(value, "an integer", column, path)
    exact = in_units(value, column, path)
    if pa.types.is_floating(kind):
        assert column.storage is not None
        rounded = nearest(exact, column.storage)
        return None if math.isinf(rounded) else rounded
    whole, (smallest, largest) = math.floor(exact), column.ends
    if whole != exact or not smallest <= whole <= largest:
        return None
    return decimal_of(whole, kind) if pa.types.is_decimal(kind) else whole


def _misfit(value: Any, expected: str, column: Column, path: str) -> FilterError:
    return FilterError(f"found {reprlib.repr(value)}, expected {expected}: {column.words}", path)


def encodable(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values without texts that are no valid Unicode. No column stores them, and Arrow raises an error."""
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return [value for value in values if is_encodable(value)]
    return values


def is_encodable(text: str) -> bool:
    """Return whether a text is valid Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def range_end(units: int | float, column: Column) -> np.generic | Decimal:
    """Return the end of a range, in units, as a value of the column's type."""
    assert column.storage is not None
    if pa.types.is_decimal(column.element):
        return decimal_of(int(units), column.element)
    end: np.generic = column.storage.type(units)
    return end
