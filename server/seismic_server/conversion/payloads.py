"""JSON values as columns of a collection.

Arrow alone would accept values that it cannot keep: 2020.5 as an integer, a text as a list of its letters, unknown
fields of a struct, and a number beyond single precision as infinity.
"""

import base64
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from seismic import InputError
from seismic.filters.columns import element_of, is_list, is_text, per_second_of
from seismic.filters.instants import units_since_epoch

Convert: TypeAlias = Callable[[Any], Any]
"""Converts a JSON value into one that Arrow stores unchanged; raises ValueError if there is none."""

_WRONG = (pa.ArrowException, ValueError, TypeError, ArithmeticError)


def to_column(name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return a column of a request's documents. It accepts the values that answers show; InputError names the row."""
    convert = _converter(kind)
    try:
        return pa.array(map(convert, values), kind)
    except _WRONG:
        for row, value in enumerate(values):
            try:
                pa.array([convert(value)], kind)
            except _WRONG:
                problem = f"row {row}, field '{name}': found {value!r}, expected {kind}{_form(kind)}"
                raise InputError(problem) from None
        raise


def _form(kind: pa.DataType) -> str:
    """Return how JSON writes a type that it lacks."""
    element = element_of(kind)
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
    if pa.types.is_integer(kind):
        return _integer
    if pa.types.is_floating(kind):
        return partial(_number, float(np.finfo(kind.to_pandas_dtype()).max))
    if pa.types.is_decimal(kind):
        return _decimal
    if (per_second := per_second_of(kind)) is not None:
        return lambda value: units_since_epoch(_checked(str, value), per_second)
    if pa.types.is_time(kind):
        return time.fromisoformat
    if _is_bytes(kind):
        return partial(base64.b64decode, validate=True)
    plain = str if is_text(kind) else bool if pa.types.is_boolean(kind) else object
    return partial(_checked, plain)


def _checked(wanted: type | tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, wanted):
        raise TypeError(type(value).__name__)
    return value


def _known(parts: dict[str, Convert], name: str) -> Convert:
    if name not in parts:
        raise ValueError(name)
    return parts[name]


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    number: int = _checked(int, value)  # Arrow refuses booleans
    return number


def _number(largest: float, value: Any) -> float:
    if isinstance(value, bool) or abs(_checked((int, float), value)) > largest:
        raise ValueError(value)
    return float(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError(value)
    return Decimal(str(value))  # the shortest text of a JSON number is what was written, up to 17 digits


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
