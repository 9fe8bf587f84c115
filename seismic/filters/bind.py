"""Bind a filter to the columns of a collection: check keys and value types."""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any as Anything
from typing import TypeAlias, assert_never

import pyarrow as pa

from seismic.errors import FilterError
from seismic.filters.columns import Column, column_of, is_point, is_text
from seismic.filters.language import (
    CLAUSES,
    AnyMatch,
    Condition,
    Equals,
    Exists,
    Filter,
    GeoBox,
    GeoRadius,
    HasId,
    InRange,
    IsNull,
    Match,
    MatchAny,
    MatchPrefix,
    MatchText,
    MatchValue,
)
from seismic.filters.parse import field_path
from seismic.filters.paths import UnknownKeyError
from seismic.filters.predicates import (
    NOTHING,
    All,
    Any,
    Between,
    HasIds,
    HasWords,
    InBox,
    InRadius,
    Like,
    Not,
    OneOf,
    Predicate,
    Present,
)
from seismic.filters.range_ends import largest_below, smallest_above
from seismic.filters.texts import MAX_WORDS, words_of
from seismic.filters.units import encodable, expected_of, in_units, is_encodable, range_end, stored_values

Columns: TypeAlias = Mapping[str, pa.DataType]
"""The types of a collection's columns, `id` included."""


def bind(wanted: Condition, columns: Columns, path: str = "filter") -> Predicate:
    """Return the predicate of a filter over `columns`. Raises FilterError with the path of what does not fit."""
    match wanted:
        case Filter():
            return _filter(wanted, columns, path)
        case Equals():
            return _all([predicate for _, predicate in equal_parts(wanted, columns, path)])
        case Match():
            return _match(wanted.match, _column(wanted.key, columns, f"{path}.key"), f"{path}.match")
        case InRange():
            return _range(wanted, _column(wanted.key, columns, f"{path}.key"), f"{path}.range")
        case GeoRadius():
            column, circle = _points(wanted.key, columns, path, "geo_radius"), wanted.geo_radius
            return InRadius(column.path, circle.center.lat, circle.center.lon, circle.radius)
        case GeoBox():
            column, box = _points(wanted.key, columns, path, "geo_bounding_box"), wanted.geo_bounding_box
            first, last = box.top_left, box.bottom_right
            return InBox(column.path, first.lat, first.lon, last.lat, last.lon)
        case Exists():
            return Present(_column(wanted.exists.key, columns, f"{path}.exists.key").path, not_empty=True)
        case IsNull():
            return _is_null(_column(wanted.is_null.key, columns, f"{path}.is_null.key"))
        case HasId():
            return _has_id(wanted.ids, columns["id"], path)
        case _:
            assert_never(wanted)


def _filter(wanted: Filter, columns: Columns, path: str) -> Predicate:
    must, should, must_not = (
        [
            bind(condition, columns, f"{path}.{clause}[{number}]")
            for number, condition in enumerate(getattr(wanted, clause))
        ]
        for clause in CLAUSES
    )
    return _all([*must, *([_any(should)] if should else []), *([Not(_any(must_not))] if must_not else [])])


def equal_parts(wanted: Equals, columns: Columns, path: str) -> list[tuple[str, Predicate]]:
    """Return the path and the predicate of each column of a shorthand. Raises FilterError."""
    parts = []
    for key, values in wanted.root.items():
        where = path + field_path(key)
        column = _column(key, columns, where)
        parts.append((where, _is_null(column) if values is None else _equal(values, column, where)))
    return parts


def _equal(values: Anything, column: Column, path: str) -> Predicate:
    if isinstance(values, list):
        return _one_of(values, column, path, lambda at: f"{path}[{at}]")
    return _one_of([values], column, path, lambda _: path)


def _all(parts: Sequence[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _any(parts: Sequence[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else Any(tuple(parts))


def _column(key: str, columns: Columns, path: str) -> Column:
    try:
        return column_of(key, columns)
    except UnknownKeyError as error:
        raise FilterError(str(error), path) from None


def _is_null(column: Column) -> Predicate:
    return Not(Present(column.path, not_empty=False))


def _has_id(ids: Sequence[Anything], kind: pa.DataType, path: str) -> Predicate:
    expected = str if is_text(kind) else int
    if ids and type(first := ids[0]) is not expected:  # the others are of the same type
        found = f"found {reprlib.repr(first)}, expected {expected_of(kind)}"
        raise FilterError(f"{found}, the type of this collection's ids", f"{path}.ids[0]")
    return HasIds(frozenset(encodable(ids)))


def _match(wanted: AnyMatch, column: Column, path: str) -> Predicate:
    match wanted:
        case MatchValue():
            return _one_of([wanted.value], column, path, lambda _: f"{path}.value")
        case MatchAny():
            return _one_of(wanted.any, column, path, lambda at: f"{path}.any[{at}]")
    if pa.types.is_null(column.element):
        return NOTHING
    if not is_text(column.element):
        raise FilterError(f"{column.words}, expected strings; use value or any", path)
    if isinstance(wanted, MatchText):
        words = words_of(wanted.text)
        if not 1 <= len(words) <= MAX_WORDS:
            problem = f"found {len(words)} different words in {reprlib.repr(wanted.text)}, expected 1 to {MAX_WORDS}"
            raise FilterError(problem, f"{path}.text")
        return HasWords(column.path, words)
    if isinstance(wanted, MatchPrefix):
        return Like(column.path, "prefix", wanted.prefix) if is_encodable(wanted.prefix) else NOTHING
    return Like(column.path, "substring", wanted.substring) if is_encodable(wanted.substring) else NOTHING


def _one_of(values: Sequence[Anything], column: Column, path: str, path_of: Callable[[int], str]) -> Predicate:
    if pa.types.is_null(column.element):  # no document has a value yet
        return NOTHING
    if expected_of(column.element) is None:
        hint = "; name one of its fields, such as" if pa.types.is_struct(column.element) else "; use exists or is_null"
        if pa.types.is_struct(column.element) and column.element.num_fields:
            hint += f" '{'.'.join(column.path)}.{column.element[0].name}'"
        raise FilterError(f"{column.words}, expected strings, numbers, booleans, dates or times{hint}", path)
    stored = frozenset(stored_values(values, column, path_of))
    return OneOf(column.path, column.element, stored) if stored else NOTHING  # type: ignore[arg-type]


def _points(key: str, columns: Columns, path: str, field: str) -> Column:
    column = _column(key, columns, f"{path}.key")
    if not is_point(column.element):
        expected = "expected structs with the numbers lat and lon, in degrees"
        raise FilterError(f"{column.words}, {expected}", f"{path}.{field}")
    return column


def _range(wanted: InRange, column: Column, path: str) -> Predicate:
    storage = column.storage
    if pa.types.is_null(column.element):
        return NOTHING
    if storage is None:
        hint = "use exists or is_null" if expected_of(column.element) is None else "use match"
        raise FilterError(f"{column.words}, expected numbers, dates or times; {hint}", path)
    low, high = column.ends
    for name in ("gte", "gt", "lte", "lt"):
        bound = getattr(wanted.range, name)
        if bound is not None:
            value = in_units(bound, column, f"{path}.{name}")
            strict = name in ("gt", "lt")
            if name in ("gte", "gt"):
                low = max(low, smallest_above(value, storage, strict))
            else:
                high = min(high, largest_below(value, storage, strict))
    if low > high:
        return NOTHING
    return Between(column.path, column.element, range_end(low, column), range_end(high, column))
