"""Types of columns from the JSON values of new ones."""

from typing import Any

import pyarrow as pa

from seismic import InputError
from seismic.conversion.plain import excerpt
from seismic.documents.types import MAX_LEVELS
from seismic.documents.widening import widened
from seismic_server.conversion.payloads import to_column

REMEDY = "send values of one type, or give them a column of another name"


def to_evolving_column(name: str, values: list[Any], kind: pa.DataType, *, strict: bool) -> pa.Array:
    """Convert a column of a request's documents, to a wider type than the collection's if that is needed.

    `strict`: only to the collection's type. Raises InputError with row and field.
    """
    try:
        return to_column(name, values, kind)
    except InputError as error:
        target = None if strict else _target(name, values, kind)
        if target is None or target == kind:
            if pa.types.is_null(kind) or strict:
                raise
            raise InputError(f"{error}; {REMEDY}") from None
        return to_column(name, values, target)


def _target(name: str, values: list[Any], kind: pa.DataType) -> pa.DataType | None:
    """Return the type of a column that also holds these values; None if there is none."""
    found = pa.null()
    for row, value in enumerate(values):
        one = _type_of(value)
        if one is None:
            expected = f"integers of 64 bits and up to {MAX_LEVELS} levels of lists and objects, alike within a list"
            raise InputError(f"row {row}, field '{name}': found {excerpt(value)}, expected {expected}")
        both = widened(found, one)
        if both is None:
            expected = f"{found}, as in the rows before"
            raise InputError(f"row {row}, field '{name}': found {excerpt(value)}, expected {expected}; {REMEDY}")
        found = both
    return widened(kind, found)


def _type_of(value: Any, levels: int = MAX_LEVELS) -> pa.DataType | None:
    """Return the type of a JSON value; None if no column holds it."""
    if isinstance(value, list | dict) and levels == 0:
        return None
    if isinstance(value, list):
        kind: pa.DataType | None = pa.null()
        for part in value:
            one = _type_of(part, levels - 1)
            kind = None if kind is None or one is None else widened(kind, one)
        return None if kind is None else pa.list_(kind)
    if isinstance(value, dict):
        fields = {name: _type_of(part, levels - 1) for name, part in value.items()}
        return None if None in fields.values() else pa.struct(list(fields.items()))
    if isinstance(value, int) and not isinstance(value, bool):
        return pa.int64() if -(1 << 63) <= value < 1 << 63 else pa.uint64() if 0 <= value < 1 << 64 else None
    return _PLAIN.get(type(value))


_PLAIN = {type(None): pa.null(), bool: pa.bool_(), float: pa.float64(), str: pa.string()}
