"""Payloads without a schema, as other search engines have them: nested JSON in columns that filters can use.

Each value of a payload goes to the column named by its dotted key: `{"meta": {"lang": "en"}}` to `meta.lang`. Lists,
also of objects, make columns of lists. An object with the numbers `lat` and `lon` is a point. Columns whose names begin
with `seismic:` hold what these columns cannot:

    seismic:payload    the payload as JSON, which is what answers show
    seismic:keys       keys with null (`!key`), and keys of objects and lists that have no value in any column
    seismic:list:KEY   lists under a key whose column holds single values
    seismic:time:KEY   the date or time that a text is (in lists: seismic:list:seismic:time:KEY)
    seismic:id         the key `id`, as the column `id` is the document's
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from seismic import InputError
from seismic.changes.patches import DERIVED
from seismic.conversion.plain import excerpt
from seismic.filters.columns import element_of, is_point, is_text
from seismic.filters.paths import is_list
from seismic.view.view import View

RESERVED = "seismic:"
SOURCE, KEYS = DERIVED
ID = f"{RESERVED}id"
LISTS, TIMES = f"{RESERVED}list:", f"{RESERVED}time:"
NULL = "!"
"""What precedes the key of a null in the column `seismic:keys`."""

MOST_LEVELS = 32
"""Levels of lists and objects of a payload."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?", re.ASCII)
_POINT_NAMES = ("lat", "lon")
_POINT = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])
_TIME = pa.timestamp("us", "UTC")
_TYPES = {
    "a string": pa.string(),
    "an integer": pa.int64(),
    "a number": pa.float64(),
    "a boolean": pa.bool_(),
    "a point": _POINT,
}
_NUMBERS = ("an integer", "a number")


class Flat(NamedTuple):
    """Payloads as rows of columns, and the columns that the collection needs for them."""

    rows: list[dict[str, Any]]
    fields: list[pa.Field]


class _Leaf:
    """The values of a payload under one key. ``listed``: whether they come from a list."""

    __slots__ = ("listed", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.listed = False


def column_of(key: str) -> str:
    """Return the column of a dotted key."""
    return ID if key == "id" else key


def is_hidden(column: str) -> bool:
    """Return whether a column is for the service's own use."""
    return column.startswith(RESERVED) and column != ID


def _is_list_of_values(column: str) -> bool:
    return column.startswith(LISTS) and not column.startswith(LISTS + TIMES)


def time_of(text: str) -> datetime | None:
    """Return the date or time that a text is, in UTC unless it says otherwise; None if it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def flatten(payloads: Sequence[Mapping[str, Any]], schema: pa.Schema, *, strict: bool = False) -> Flat:
    """Return payloads as columns of a collection with this schema.

    `strict`: the collection takes no columns beyond its own, so that it has none of `seismic:`. Raises InputError,
    which names key and types, for a value that does not fit its column.
    """
    kinds = {field.name: field.type for field in schema}
    rows: list[dict[str, Any]] = [{} for _ in payloads]
    needed: dict[str, pa.DataType] = {}
    columns: dict[str, list[tuple[int, _Leaf]]] = {}
    for number, (row, payload) in enumerate(zip(rows, payloads, strict=True)):
        leaves = _Leaves(number)
        leaves.add_payload(payload, kinds)
        for name, leaf in leaves.by_column.items():
            columns.setdefault(name, []).append((number, leaf))
        if not strict:
            row |= {SOURCE: orjson.dumps(payload).decode()} if payload else {}
            row |= {KEYS: list(leaves.keys)} if leaves.keys else {}
    for name, column in columns.items():
        _fill(name, column, kinds, rows, needed, strict=strict)
    for name, kind in ((SOURCE, pa.string()), (KEYS, pa.list_(pa.string()))):
        if any(name in row for row in rows):
            needed[name] = kind
    new = [pa.field(name, kind) for name, kind in needed.items() if name not in kinds]
    return Flat(rows, [] if strict else new)  # writing to a strict collection names the columns that it lacks


def payloads_of(view: View, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return the payloads of document numbers: as they were given, or the columns that have values.

    A document that was changed elsewhere since has only its columns; their dots lead into objects.
    """
    documents = view.documents
    flat = SOURCE in documents.columns
    sources: list[str | None] = [None] * len(numbers)
    if flat:
        sources = [row[SOURCE] for row in documents.payloads(numbers, [SOURCE])]
    others = [number for number, source in zip(numbers, sources, strict=True) if source is None]
    shown = [name for name in documents.columns if not is_hidden(name) or _is_list_of_values(name)]
    columns = iter(documents.payloads(others, shown) if others else ())
    return [orjson.loads(source) if source is not None else _present(next(columns), flat) for source in sources]


def word_of(kind: pa.DataType) -> str | None:
    """Return the type of a column's values in words; None for types that JSON values do not make."""
    element = element_of(kind)
    if is_text(element):
        return "a string"
    if pa.types.is_boolean(element):
        return "a boolean"
    if pa.types.is_integer(element):
        return "an integer"
    if pa.types.is_floating(element) or pa.types.is_decimal(element):
        return "a number"
    return "a point" if is_point(element) else None


def _present(columns: Mapping[str, Any], flat: bool) -> dict[str, Any]:
    """Return the values of columns that have some, by key. `flat`: the columns are those of nested payloads."""
    payload: dict[str, Any] = {}
    for name, value in columns.items():
        if value is not None:
            name = name.removeprefix(LISTS) if flat else name
            _place(payload, "id" if name == ID else name, value, flat)
    return payload


def _place(payload: dict[str, Any], key: str, value: Any, flat: bool) -> None:
    *parents, last = key.split(".") if flat else [key]
    node = payload
    for name in parents:
        node = node.setdefault(name, {})
        if not isinstance(node, dict):  # a value has the name of an object
            payload[key] = value
            return
    node[last] = {**node[last], **value} if isinstance(node.get(last), dict) and isinstance(value, dict) else value


class _Leaves:
    """The values of one payload by column, and what the column `seismic:keys` holds of it."""

    def __init__(self, row: int) -> None:
        self._row = row
        self.by_column: dict[str, _Leaf] = {}
        self.keys: dict[str, None] = {}  # in their order, each once

    def add_payload(self, payload: Mapping[str, Any], kinds: Mapping[str, pa.DataType]) -> None:
        """Add a payload. Raises InputError."""
        for key, value in payload.items():
            if not key or key.startswith(RESERVED):
                expected = f"expected a name that does not begin with '{RESERVED}'"
                raise InputError(f"payload {self._row}: found the key {excerpt(key)}, {expected}")
            stored = kinds.get(key)
            if stored is not None and pa.types.is_struct(element_of(stored)) and not is_point(element_of(stored)):
                for part in value if isinstance(value, list) else [value]:  # a column of objects, from a build
                    self._add(key, part, isinstance(value, list))
            else:
                self._walk(column_of(key), value, MOST_LEVELS)

    def _walk(self, key: str, value: Any, levels: int, listed: bool = False) -> bool:
        """Add what is under a key, and return whether a column has some of it. `listed`: it is part of a list."""
        if levels == 0:
            problem = f"found more than {MOST_LEVELS} levels of lists and objects"
            raise InputError(f"payload {self._row}, key {excerpt(key)}: {problem}")
        if value is None:
            self.keys[NULL + key] = None
            return False
        if isinstance(value, dict):
            found = self._walk_object(key, value, levels, listed)
        elif isinstance(value, list):  # no filter looks into lists within lists
            found = False
            for part in value:
                found |= not isinstance(part, list) and self._walk(key, part, levels - 1, True)
        else:
            self._add(key, value, listed)
            return True
        if not found and value != []:
            self.keys[key] = None
        return found

    def _walk_object(self, key: str, value: Mapping[str, Any], levels: int, listed: bool) -> bool:
        found = point = all(type(value.get(name)) in (int, float) for name in _POINT_NAMES)
        if point:
            self._add(key, {name: float(value[name]) for name in _POINT_NAMES}, listed)
        for name, part in value.items():
            if not (point and name in _POINT_NAMES):
                found |= self._walk(f"{key}.{name}", part, levels - 1, listed)
        return found

    def _add(self, key: str, value: Any, listed: bool) -> None:
        leaf = self.by_column.setdefault(key, _Leaf())
        leaf.values.append(value)
        leaf.listed |= listed or len(leaf.values) > 1


def _fill(
    name: str,
    column: Sequence[tuple[int, _Leaf]],
    kinds: Mapping[str, pa.DataType],
    rows: list[dict[str, Any]],
    needed: dict[str, pa.DataType],
    *,
    strict: bool,
) -> None:
    """Put the values under one key into their columns."""
    stored = kinds.get(name)
    known = stored is not None and not pa.types.is_null(stored)
    kind = _TYPES.get(_checked(name, column, stored), stored)
    as_list = is_list(stored) if known else any(leaf.listed for _, leaf in column)
    for row, leaf in column:
        if as_list:
            rows[row][name] = leaf.values
            needed.setdefault(name, pa.list_(kind))
        elif len(leaf.values) == 1:
            rows[row][name] = leaf.values[0]
            needed.setdefault(name, kind)
        elif strict:
            raise InputError(f"payload {row}, key '{name}': found {len(leaf.values)} values, expected one")
        else:
            rows[row][LISTS + name] = leaf.values
            needed.setdefault(LISTS + name, pa.list_(kind))
        times = [time for value in leaf.values if isinstance(value, str) and (time := time_of(value))]
        if times and not strict and (stored is None or word_of(stored) == "a string"):
            texts = [time.isoformat() for time in times]
            if len(texts) == 1:
                rows[row][TIMES + name] = texts[0]
                needed.setdefault(TIMES + name, _TIME)
            else:
                rows[row][LISTS + TIMES + name] = texts
                needed.setdefault(LISTS + TIMES + name, pa.list_(_TIME))


def _checked(name: str, column: Sequence[tuple[int, _Leaf]], stored: pa.DataType | None) -> str:
    """Return the type of the values under a key, in words. Raises InputError if there are several."""
    expected = None if stored is None else word_of(stored)
    if stored is not None and expected is None and not pa.types.is_null(stored):
        return ""  # the engine judges the types that JSON does not have
    where = "as in the collection" if expected else "as in the values before"
    for row, leaf in column:
        for value in leaf.values:
            found = _word(value)
            if expected is None or {expected, found} == set(_NUMBERS):
                expected = found if expected is None else "a number"
            elif found != expected:
                raise InputError(
                    f"payload {row}, key '{name}': found {found} ({excerpt(value)}), expected {expected}, {where}; "
                    "use another key"
                )
    return expected or "a string"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int):
        return "an integer"
    return "a number" if isinstance(value, float) else "a point"
