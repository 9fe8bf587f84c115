"""Fitting a filter to the columns of a collection: its keys, and the types of its values."""

import reprlib
from collections.abc import Sequence
from typing import Any as Anything

import numpy as np
import pyarrow as pa

from seismic.errors import FilterError
from seismic.filters.columns import element_of, is_ordered, is_text, is_time, storage_of
from seismic.filters.ends import Exact, highest, least, lowest, most
from seismic.filters.instants import seconds_since_epoch
from seismic.filters.language import (
    CLAUSES,
    Condition,
    Exists,
    Filter,
    HasId,
    InRange,
    IsNull,
    Match,
    MatchValue,
)
from seismic.filters.predicates import (
    NOTHING,
    All,
    Any,
    Identified,
    Not,
    OneOf,
    Predicate,
    Present,
    Within,
)

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def bind(wanted: Filter, schema: pa.Schema) -> Predicate:
    """What a filter asks of documents of this schema, dictionaries aside. FilterError names the path of what does not
    fit."""
    return _filter(wanted, schema, "filter")


def _filter(wanted: Filter, schema: pa.Schema, path: str) -> Predicate:
    must, should, must_not = (
        [
            _condition(condition, schema, f"{path}.{clause}[{at}]")
            for at, condition in enumerate(getattr(wanted, clause))
        ]
        for clause in CLAUSES
    )
    parts = [*must, *([_any(should)] if should else []), *([Not(_any(must_not))] if must_not else [])]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _any(parts: Sequence[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else Any(tuple(parts))


def _condition(condition: Condition, schema: pa.Schema, path: str) -> Predicate:
    match condition:
        case Filter():
            return _filter(condition, schema, path)
        case Match():
            return _match(condition, _kind(condition.key, schema, f"{path}.key"), f"{path}.match")
        case InRange():
            return _range(condition, _kind(condition.key, schema, f"{path}.key"), f"{path}.range")
        case Exists():
            _kind(condition.exists.key, schema, f"{path}.exists.key")
            return Present(condition.exists.key)
        case IsNull():
            _kind(condition.is_null.key, schema, f"{path}.is_null.key")
            return Not(Present(condition.is_null.key))
        case HasId():
            kind = str if is_text(schema.field("id").type) else int
            for at, one in enumerate(condition.ids):
                if type(one) is not kind:
                    problem = f"found {reprlib.repr(one)}, expected {_CLASSES[kind]}, as ids are"
                    raise FilterError(problem, f"{path}.ids[{at}]")
            return Identified(tuple(condition.ids))


def _kind(key: str, schema: pa.Schema, path: str) -> pa.DataType:
    if key not in schema.names:
        raise FilterError(f"unknown column {reprlib.repr(key)}; this collection has {', '.join(schema.names)}", path)
    return schema.field(key).type


# ---- match -------------------------------------------------------------------------------------------------------


def _match(condition: Match, kind: pa.DataType, path: str) -> Predicate:
    wanted = condition.match
    one = isinstance(wanted, MatchValue)
    values: Sequence[Anything] = [wanted.value] if isinstance(wanted, MatchValue) else wanted.any
    element = element_of(kind)
    expected = _class_of(element)
    if expected is None:
        hint = "use range" if is_ordered(element) else "use exists or is_null"
        raise FilterError(f"column '{condition.key}' is {kind}, expected strings, integers or booleans; {hint}", path)
    for at, value in enumerate(values):
        if type(value) is not expected:
            where = f"{path}.value" if one else f"{path}.any[{at}]"
            raise FilterError(
                f"found {reprlib.repr(value)}, expected {_CLASSES[expected]}, as column '{condition.key}' is {kind}",
                where,
            )
    if expected is int:
        limits = np.iinfo(element.to_pandas_dtype())
        values = [value for value in values if limits.min <= value <= limits.max]
    return OneOf(condition.key, element, tuple(sorted(set(values)))) if values else NOTHING


_CLASSES: dict[type, str] = {str: "a string", int: "an integer", bool: "true or false"}


def _class_of(kind: pa.DataType) -> type | None:
    """What a value of this type is in JSON; None if it is not something to match."""
    if is_text(kind):
        return str
    if pa.types.is_integer(kind):
        return int
    return bool if pa.types.is_boolean(kind) else None


# ---- range -------------------------------------------------------------------------------------------------------


def _range(condition: InRange, kind: pa.DataType, path: str) -> Predicate:
    element = element_of(kind)
    if not is_ordered(element):
        hint = "use exists or is_null" if _class_of(element) is None else "use match"
        raise FilterError(f"column '{condition.key}' is {kind}, expected numbers, dates or times; {hint}", path)
    storage = storage_of(element)
    lows, highs = [], []
    for name in ("gte", "gt", "lte", "lt"):
        bound = getattr(condition.range, name)
        if bound is not None:
            value = _exact(bound, element, f"{path}.{name}", f"column '{condition.key}' is {kind}")
            strict = name in ("gt", "lt")
            if name in ("gte", "gt"):
                lows.append(least(value, storage, strict))
            else:
                highs.append(most(value, storage, strict))
    low, high = max([lowest(storage), *lows]), min([highest(storage), *highs])
    return Within(condition.key, element, storage.type(low), storage.type(high)) if low <= high else NOTHING


def _exact(bound: int | float | str, element: pa.DataType, path: str, why: str) -> Exact:
    """A bound in the column's unit."""
    if not is_time(element):
        if isinstance(bound, str):
            raise FilterError(f"found {bound!r}, expected a number, as {why}", path)
        return bound
    example = "a date or time such as '2024-05-01' or '2024-05-01T12:00:00Z'"
    if not isinstance(bound, str):
        raise FilterError(f"found {bound!r}, expected {example}, as {why}", path)
    try:
        seconds = seconds_since_epoch(bound)
    except ValueError as error:
        raise FilterError(f"found {bound!r}, expected {example} ({error})", path) from None
    if pa.types.is_date32(element):
        return seconds / 86_400
    return seconds * PER_SECOND["ms" if pa.types.is_date(element) else element.unit]
