"""Convert JSON values to columns of a collection, exactly or not at all.

Arrow alone is no judge: it reads 2020.5 as an integer, a text as a list of its letters and 12:00+02:00 as 12:00, drops
fields that a struct does not have, rounds, and crashes on decimals with large exponents. So every value is checked, and
its size bounded, before Arrow sees it.
"""

import base64
import re
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from seismic import InputError
from seismic.conversion.plain import PER_SECOND, excerpt
from seismic.filters.columns import element_of, is_text, per_second_of
from seismic.filters.instants import in_units, seconds_of_day, seconds_of_duration, seconds_since_epoch
from seismic.filters.paths import is_list

Convert: TypeAlias = Callable[[Any], Any]
"""Converts a JSON value to one that Arrow stores unchanged; ValueError, TypeError or ArithmeticError if none does."""

_WRONG = (pa.ArrowException, ValueError, TypeError, ArithmeticError)

_DECIMAL = re.compile(r"[+-]?(\d{1,100}(\.\d{0,100})?|\.\d{1,100})([eE][+-]?\d{1,4})?", re.ASCII)
"""Bounds the digits and the exponent: Arrow crashes on 1e-50000000."""

_DAY = Fraction(1, 86_400)


def to_column(name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
    """Convert a column of a request's documents; values as answers show them. Raises InputError with row and field."""
    convert = _converter(kind)
    try:
        return pa.array(map(convert, values), kind)
    except _WRONG:
        for row, value in enumerate(values):
            try:
                pa.array([convert(value)], kind)
            except _WRONG:
                problem = f"row {row}, field '{name}': found {excerpt(value)}, expected {kind}{_form(kind)}"
                raise InputError(problem) from None
        raise


def _form(kind: pa.DataType) -> str:
    """Return how JSON writes a type that it does not have."""
    element = element_of(kind)
    if pa.types.is_time(element):
        return ", as ISO 8601 without an offset"
    if pa.types.is_temporal(element):
        return ", as ISO 8601"
    return ", as base64" if _is_bytes(element) else ""


def _converter(kind: pa.DataType) -> Convert:
    convert = _converter_of_one(kind)
    return lambda value: None if value is None else convert(value)


def _converter_of_one(kind: pa.DataType) -> Convert:
    if pa.types.is_dictionary(kind):
        return _converter_of_one(kind.value_type)
    if is_list(kind):
        element = _converter(kind.value_type)
        return lambda value: [element(one) for one in _checked(list, value)]
    if pa.types.is_struct(kind):
        parts = {field.name: _converter(field.type) for field in kind}
        return lambda value: {name: _known(parts, name)(part) for name, part in _checked(dict, value).items()}
    if pa.types.is_map(kind):
        return partial(_entries, _converter_of_one(kind.key_type), _converter(kind.item_type))
    if pa.types.is_integer(kind):
        return _integer
    if pa.types.is_floating(kind):
        return partial(_number, np.dtype(kind.to_pandas_dtype()))
    if pa.types.is_decimal(kind):
        return partial(_decimal, kind.precision, kind.scale)
    if pa.types.is_temporal(kind):
        return _temporal(kind)
    if _is_bytes(kind):
        return _bytes
    if pa.types.is_boolean(kind):
        return partial(_checked, bool)
    return partial(_checked, str) if is_text(kind) or pa.types.is_string_view(kind) else _refuse


def _temporal(kind: pa.DataType) -> Convert:
    if pa.types.is_date64(kind):  # milliseconds, but of whole days
        return lambda value: in_units(seconds_since_epoch(_checked(str, value)), _DAY) * 86_400_000
    if (per_second := per_second_of(kind)) is not None:
        return lambda value: in_units(seconds_since_epoch(_checked(str, value)), per_second)
    if pa.types.is_time(kind):
        return lambda value: in_units(seconds_of_day(_checked(str, value)), PER_SECOND[kind.unit])
    if pa.types.is_duration(kind):
        return lambda value: in_units(seconds_of_duration(_checked(str, value)), PER_SECOND[kind.unit])
    return _refuse


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)


def _checked(wanted: type | tuple[type, ...], value: Any) -> Any:
    return value if isinstance(value, wanted) else _refuse(value)


def _entries(key: Convert, item: Convert, value: Any) -> list[tuple[Any, Any]]:
    """Convert a map from an object, or from a list of pairs."""
    pairs = value.items() if isinstance(value, dict) else _checked(list, value)
    return [(key(name), item(part)) for name, part in pairs]


def _known(parts: dict[str, Convert], name: str) -> Convert:
    if name not in parts:
        raise ValueError(name)
    return parts[name]


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    number: int = _checked(int, value)  # Arrow refuses booleans
    return number


def _number(kind: np.dtype[Any], value: Any) -> float:
    """Round a float to the column's precision. An integer must be exact, and nothing becomes infinite or zero."""
    if isinstance(value, bool):
        raise TypeError(value)
    number = _checked((int, float), value)
    with np.errstate(over="ignore", under="ignore"):
        stored = kind.type(float(number))
    if not np.isfinite(stored) or (stored == 0) != (number == 0):
        raise ValueError(value)
    if isinstance(number, int) and int(stored) != number and Decimal(str(stored)) != number:
        raise ValueError(value)
    return float(stored)


def _decimal(precision: int, scale: int, value: Any) -> Decimal:
    """Return a decimal with the column's scale. Its value is not rounded."""
    if isinstance(value, bool) or (isinstance(value, int) and value.bit_length() > 256):
        raise ValueError(value)
    text = str(value)  # the shortest text of a JSON number has the digits that were written, up to 17
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text).quantize(Decimal(1).scaleb(-scale), context=_exact(precision))


def _exact(precision: int) -> Context:
    return Context(prec=precision, traps=[Inexact, InvalidOperation])


def _bytes(value: Any) -> bytes:
    content = base64.b64decode(_checked(str, value), validate=True)
    if base64.b64encode(content).decode() != value:  # bits after the last byte
        raise ValueError(value)
    return content


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
