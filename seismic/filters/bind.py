"""Bind a filter to the columns of a collection: check keys and value types."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any as Anything
from typing import TypeAlias

from seismic.errors import FilterError
from seismic.filters.columns import Column
from seismic.filters.instants import seconds_since_epoch
from seismic.filters.language import CLAUSES, Condition, Exists, Filter, HasId, InRange, IsNull, Match, MatchValue
from seismic.filters.predicates import NOTHING, All, Any, Between, HasIds, Not, OneOf, Predicate, Present
from seismic.filters.range_ends import Exact, largest_below, smallest_above

_NAMES: dict[type, str] = {str: "a string", int: "an integer", bool: "true or false"}

Columns: TypeAlias = Mapping[str, Column]


def bind(wanted: Filter, columns: Columns) -> Predicate:
    """Return the predicate of a filter over `columns`. Raises FilterError with the path of what does not fit."""
    return _filter(wanted, columns, "filter")


def _filter(wanted: Filter, columns: Columns, path: str) -> Predicate:
    must, should, must_not = (
        [
            _condition(condition, columns, f"{path}.{clause}[{number}]")
            for number, condition in enumerate(getattr(wanted, clause))
        ]
        for clause in CLAUSES
    )
    parts = [*must, *([_any(should)] if should else []), *([Not(_any(must_not))] if must_not else [])]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _any(parts: Sequence[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else Any(tuple(parts))


def _condition(condition: Condition, columns: Columns, path: str) -> Predicate:
    match condition:
        case Filter():
            return _filter(condition, columns, path)
        case Match():
            return _match(condition, _column(condition.key, columns, f"{path}.key"), f"{path}.match")
        case InRange():
            return _range(condition, _column(condition.key, columns, f"{path}.key"), f"{path}.range")
        case Exists():
            _column(condition.exists.key, columns, f"{path}.exists.key")
            return Present(condition.exists.key, not_empty=True)
        case IsNull():
            _column(condition.is_null.key, columns, f"{path}.is_null.key")
            return Not(Present(condition.is_null.key, not_empty=False))
        case HasId():
            kind = columns["id"].type
            assert kind is not None  # ids are strings or integers
            if condition.ids and type(first := condition.ids[0]) is not kind:  # the others are of the same type
                problem = f"found {reprlib.repr(first)}, expected {_NAMES[kind]}, the type of this collection's ids"
                raise FilterError(problem, f"{path}.ids[0]")
            return HasIds(frozenset(_encodable(condition.ids)))


def _column(key: str, columns: Columns, path: str) -> Column:
    if key not in columns:
        raise FilterError(f"unknown column {reprlib.repr(key)}; this collection has {', '.join(columns)}", path)
    return columns[key]


def _match(condition: Match, column: Column, path: str) -> Predicate:
    wanted, expected = condition.match, column.type
    if expected is None:
        hint = "use exists or is_null" if column.storage is None else "use range"
        raise FilterError(f"{column.words}, expected strings, integers or booleans; {hint}", path)
    one = isinstance(wanted, MatchValue)
    values: Sequence[Anything] = [wanted.value] if isinstance(wanted, MatchValue) else wanted.any
    if values and type(values[0]) is not expected:  # the others are of the same type
        where = f"{path}.value" if one else f"{path}.any[0]"
        raise FilterError(f"found {reprlib.repr(values[0])}, expected {_NAMES[expected]}: {column.words}", where)
    if column.storage is not None:  # an integer outside the column's type matches nothing
        smallest, largest = column.ends
        values = [value for value in values if smallest <= value <= largest]
    values = _encodable(values)
    return OneOf(condition.key, column.element, frozenset(values)) if values else NOTHING


def _encodable(values: Sequence[Anything]) -> Sequence[Anything]:
    """Return the values without texts that are no valid Unicode. No column stores them, and Arrow raises an error."""
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return [value for value in values if _is_valid(value)]
    return values


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _range(condition: InRange, column: Column, path: str) -> Predicate:
    storage = column.storage
    if storage is None:
        hint = "use exists or is_null" if column.type is None else "use match"
        raise FilterError(f"{column.words}, expected numbers, dates or times; {hint}", path)
    low, high = column.ends
    for name in ("gte", "gt", "lte", "lt"):
        bound = getattr(condition.range, name)
        if bound is not None:
            value = _exact(bound, column, f"{path}.{name}")
            strict = name in ("gt", "lt")
            if name in ("gte", "gt"):
                low = max(low, smallest_above(value, storage, strict))
            else:
                high = min(high, largest_below(value, storage, strict))
    return Between(condition.key, column.element, storage.type(low), storage.type(high)) if low <= high else NOTHING


def _exact(bound: int | float | str, column: Column, path: str) -> Exact:
    """Return a bound in the column's unit, without rounding."""
    if column.per_second is None:
        if isinstance(bound, str):
            raise FilterError(f"found {bound!r}, expected a number: {column.words}", path)
        return bound
    example = "a date or time such as '2024-05-01' or '2024-05-01T12:00:00Z'"
    if not isinstance(bound, str):
        raise FilterError(f"found {bound!r}, expected {example}: {column.words}", path)
    try:
        return seconds_since_epoch(bound) * column.per_second
    except ValueError as error:
        raise FilterError(f"found {bound!r}, expected {example} ({error})", path) from None
