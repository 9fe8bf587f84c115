"""Filters of the Qdrant API in the language of the engine.

A condition on a key that no payload has, or whose values have another type, holds for no point, as in Qdrant. Anything
that would be answered differently is refused in words.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from seismic import InputError
from seismic.conversion.plain import excerpt
from seismic.filters.columns import columns_of
from seismic.filters.paths import UnknownKeyError, is_list, resolve
from seismic.view.view import View
from seismic_server.compat.payload import KEYS, LISTS, NULL, TIMES, column_of, is_hidden, time_of, word_of
from seismic_server.compat.qdrant.ids import forms
from seismic_server.compat.qdrant.keys import column_key

Ours: TypeAlias = dict[str, Any]

NOTHING: Ours = {"ids": []}
MOST_SHOULD = 128
"""Most combinations that `min_should` may have."""

_CLAUSES = ("must", "should", "must_not")
_BOUNDS = ("gte", "gt", "lte", "lt")
_UNSUPPORTED = {
    "values_count": "counts of values are not supported",
    "geo_polygon": "polygons are not supported; geo_radius and geo_bounding_box are",
    "has_vector": "conditions on vectors are not supported",
    "slice": "slices are not supported; scroll pages through all points",
}
_TEXT = "full-text conditions are not supported; 'prefix' and 'substring' are, or search by a text"
_MATCHES = ("value", "any", "except", "prefix", "substring")


class Column(NamedTuple):
    """A column with values of a key: its name in a filter, its type, and the type of its values in words."""

    name: str
    kind: pa.DataType
    word: str | None

    @property
    def is_list(self) -> bool:
        """Whether a document has a list of values."""
        return is_list(self.kind)


def translated(filter: Any, view: View) -> Ours | None:
    """Return a filter in the language of the engine; None if there is none. Raises InputError with the place."""
    if filter is None:
        return None
    return Translator(view).filter(filter, "filter")


def columns_at(key: str, view: View) -> list[Column]:
    """Return the columns with values of a key."""
    kinds = columns_of(view.rules.schema)
    found, name = [], column_of(key)
    for one in (name, LISTS + name):
        try:
            _, kind = resolve(one, kinds)
        except UnknownKeyError:
            continue
        if one.startswith(LISTS) or not is_hidden(one):
            found.append(Column(one, kind, word_of(kind)))
    return found


class Translator:
    """Translates the filters of one request for a view."""

    def __init__(self, view: View) -> None:
        self._view, self._kinds = view, columns_of(view.rules.schema)

    def filter(self, content: Any, where: str, prefix: str = "") -> Ours:
        """Return a filter or a nested filter. `prefix`: the key of the objects that it is about."""
        clauses = _object(content, where)
        _check_fields(clauses, (*_CLAUSES, "min_should"), where)
        ours: Ours = {}
        for name in _CLAUSES:
            conditions = _listed(clauses.get(name))
            if conditions:
                ours[name] = [self.condition(one, f"{where}.{name}[{at}]", prefix) for at, one in enumerate(conditions)]
        if (least := clauses.get("min_should")) is not None:
            ours.setdefault("must", []).append(self._min_should(least, f"{where}.min_should", prefix))
        return ours or {"must": []}

    def condition(self, content: Any, where: str, prefix: str = "") -> Ours:
        """Return one condition."""
        condition = {name: value for name, value in _object(content, where).items() if value is not None}
        for name in condition:
            if name in _UNSUPPORTED:
                raise InputError(f"{where}: {_UNSUPPORTED[name]}")
        if not condition or condition.keys() & {*_CLAUSES, "min_should"}:
            return self.filter(condition, where, prefix)
        if "key" in condition:
            return self._field(condition, where, prefix)
        if len(condition) != 1 or not condition.keys() & {"has_id", "is_empty", "is_null", "nested"}:
            expected = (
                "expected 'key' with a condition, or one of has_id, is_empty, is_null, nested, must, should, must_not"
            )
            raise InputError(f"{where}: found {excerpt(content)}, {expected}")
        ((name, value),) = condition.items()
        if name == "has_id":
            return self._has_id(value, f"{where}.has_id")
        if name == "nested":
            return self._nested(value, f"{where}.nested", prefix)
        key = self._key(_object(value, f"{where}.{name}").get("key"), f"{where}.{name}", prefix)
        return self._is_empty(key) if name == "is_empty" else self._is_null(key)

    def _field(self, condition: Mapping[str, Any], where: str, prefix: str) -> Ours:
        known: dict[str, Callable[[str, Any, str], Ours]] = {
            "match": self._match,
            "range": self._range,
            "geo_radius": self._geo,
            "geo_bounding_box": self._geo,
            "is_empty": lambda key, wanted, _: _unless(self._is_empty(key), wanted),
            "is_null": lambda key, wanted, _: _unless(self._is_null(key), wanted),
        }
        _check_fields(condition, ("key", *known), where)
        found = [name for name in known if name in condition]
        if not found:
            raise InputError(f"{where}: found no condition beside 'key', expected one of {', '.join(known)}")
        key = self._key(condition["key"], where, prefix)
        parts = []
        for name in found:
            value = condition[name] if name.startswith("is_") else {name: condition[name]}
            parts.append(known[name](key, value, f"{where}.{name}"))
        return parts[0] if len(parts) == 1 else {"must": parts}

    def _key(self, key: Any, where: str, prefix: str) -> str:
        if not isinstance(key, str):
            raise InputError(f"{where}.key: found {excerpt(key)}, expected the key of a payload")
        try:
            return prefix + column_key(key)
        except InputError as error:
            raise InputError(f"{where}.{error}") from None

    def _match(self, key: str, given: Any, where: str) -> Ours:
        match = {name: value for name, value in _object(given["match"], where).items() if value is not None}
        if match.keys() & {"text", "text_any", "phrase"}:
            raise InputError(f"{where}: {_TEXT}")
        if len(match) != 1 or not match.keys() & set(_MATCHES):
            raise InputError(f"{where}: found {excerpt(given['match'])}, expected one of {', '.join(_MATCHES)}")
        ((name, value),) = match.items()
        columns = columns_at(key, self._view)
        if name in ("prefix", "substring"):
            _check_type(value, str, f"{where}.{name}")
            return _any_of({"key": one.name, "match": {name: value}} for one in columns if one.word == "a string")
        values = [value] if name == "value" else value
        if not isinstance(values, list) or not all(isinstance(one, str | int) for one in values):
            raise InputError(f"{where}.{name}: found {excerpt(value)}, expected strings, integers or booleans")
        if name == "except":
            return self._except(columns, values, where)
        return _any_of({"key": one.name, "match": {"any": fit}} for one in columns if (fit := _fitting(values, one)))

    def _except(self, columns: Sequence[Column], values: list[Any], where: str) -> Ours:
        """Points with a value that is none of these. Of a list, any element may be the one."""
        if any(one.is_list for one in columns):
            raise InputError(f"{where}.except: lists under this key; 'except' is supported for single values")
        parts = []
        for one in columns:
            fit = _fitting(values, one)
            excluded = [{"key": one.name, "match": {"any": fit}}] if fit else []
            parts.append({"must": [{"exists": {"key": one.name}}], "must_not": excluded})
        return _any_of(parts)

    def _range(self, key: str, given: Any, where: str) -> Ours:
        bounds = {name: value for name, value in _object(given["range"], where).items() if value is not None}
        _check_fields(bounds, _BOUNDS, where)
        columns = columns_at(key, self._view)
        if not bounds:
            return _any_of({"exists": {"key": one.name}} for one in columns if one.word in ("an integer", "a number"))
        if all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds.values()):
            numbers = [one for one in columns if one.word in ("an integer", "a number")]
            return _any_of({"key": one.name, "range": bounds} for one in numbers)
        times = {name: _time(bound, f"{where}.{name}") for name, bound in bounds.items()}
        names = [one.name for one in columns if _is_time(one.kind)]
        stamps = TIMES + column_of(key)
        names += [name for name in (stamps, LISTS + stamps) if name in self._kinds]
        return _any_of({"key": name, "range": times} for name in names)

    def _geo(self, key: str, given: Any, where: str) -> Ours:
        ((name, area),) = given.items()
        _object(area, where)
        columns = [one for one in columns_at(key, self._view) if one.word == "a point"]
        return _any_of({"key": one.name, name: area} for one in columns)

    def _is_empty(self, key: str) -> Ours:
        """Points without a value at a key: missing, null or an empty list."""
        below = f"{column_of(key)}."
        names = [one.name for one in columns_at(key, self._view)]
        names += [name for name in self._kinds if name.startswith((below, LISTS + below))]
        parts: list[Ours] = [{"exists": {"key": name}} for name in names]
        if KEYS in self._kinds:
            parts.append({"key": KEYS, "match": {"value": column_of(key)}})
        return {"must_not": [_any_of(parts)]}

    def _is_null(self, key: str) -> Ours:
        """Points with a null at a key. In a collection without payloads of this API, a column without a value."""
        if KEYS in self._kinds:
            return {"key": KEYS, "match": {"value": NULL + column_of(key)}}
        names = [one.name for one in columns_at(key, self._view)]
        return {"must": [{"is_null": {"key": name}} for name in names]} if names else NOTHING

    def _has_id(self, ids: Any, where: str) -> Ours:
        if not isinstance(ids, list) or not all(isinstance(id, str | int) and not isinstance(id, bool) for id in ids):
            raise InputError(f"{where}: found {excerpt(ids)}, expected a list of ids")
        return {"ids": forms(ids, self._view)}

    def _nested(self, content: Any, where: str, prefix: str) -> Ours:
        """Points with an object, in the list under a key, that satisfies a filter of one condition."""
        nested = _object(content, where)
        _check_fields(nested, ("key", "filter"), where)
        key = self._key(nested.get("key"), where, prefix)
        clauses = {name: _listed(part) for name, part in _object(nested.get("filter"), f"{where}.filter").items()}
        used = {name: part for name, part in clauses.items() if part}
        if used.keys() - {"must", "should"} or sum(map(len, used.values())) != 1:
            raise InputError(f"{where}.filter: several conditions on one object of a list are not supported, only one")
        ((name, (condition,)),) = used.items()
        if not isinstance(condition, dict) or not condition.keys() & {
            "match",
            "range",
            "geo_radius",
            "geo_bounding_box",
        }:
            raise InputError(f"{where}.filter: found {excerpt(condition)}, expected 'key' with match, range or geo")
        return self.condition(condition, f"{where}.filter.{name}[0]", f"{key}.")

    def _min_should(self, content: Any, where: str, prefix: str) -> Ours:
        least = _object(content, where)
        _check_fields(least, ("conditions", "min_count"), where)
        count = least.get("min_count")
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise InputError(f"{where}.min_count: found {excerpt(count)}, expected an integer of at least 1")
        conditions = _listed(least.get("conditions"))
        if count > len(conditions):
            return NOTHING
        if comb(len(conditions), count) > MOST_SHOULD:
            raise InputError(f"{where}: found {count} of {len(conditions)} conditions, expected fewer conditions")
        parts = [self.condition(one, f"{where}.conditions[{at}]", prefix) for at, one in enumerate(conditions)]
        return _any_of({"must": list(several)} for several in combinations(parts, count))


def _any_of(parts: Any) -> Ours:
    found = list(parts)
    return found[0] if len(found) == 1 else {"should": found} if found else NOTHING


def _unless(condition: Ours, wanted: Any) -> Ours:
    return condition if wanted else {"must_not": [condition]}


def _fitting(values: Sequence[Any], column: Column) -> list[Any]:
    """Return those of the values that a column can hold."""
    if column.word == "a boolean":
        return [one for one in values if isinstance(one, bool)]
    if column.word in ("an integer", "a number"):
        return [one for one in values if isinstance(one, int) and not isinstance(one, bool)]
    return [one for one in values if isinstance(one, str)] if column.word == "a string" else []


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _time(bound: Any, where: str) -> str:
    time = time_of(bound) if isinstance(bound, str) else None
    if time is None:
        raise InputError(f"{where}: found {excerpt(bound)}, expected numbers, or dates and times as ISO 8601")
    return time.isoformat()


def _object(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"{where}: found {excerpt(content)}, expected an object")
    return content


def _listed(conditions: Any) -> list[Any]:
    return [] if conditions is None else conditions if isinstance(conditions, list) else [conditions]


def _check_fields(content: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name, value in content.items():
        if name not in known and value is not None:
            raise InputError(f"{where}: unknown field {excerpt(name)}, expected {', '.join(known)}")


def _check_type(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{where}: found {excerpt(value)}, expected a {kind.__name__}")
