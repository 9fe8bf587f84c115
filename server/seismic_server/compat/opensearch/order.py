"""The order of hits: `sort` and `search_after`."""

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from seismic import Index
from seismic.conversion.plain import excerpt
from seismic.search.browse import cursor_after
from seismic.search.request import OrderBy
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields

BY_PLACE = ("_doc", "_shard_doc", "_id")
"""Orders of documents that are all the order by id."""

_OPTIONS = ("order", "missing", "unmapped_type", "mode", "numeric_type", "format", "nested")


class Order(NamedTuple):
    """The order of hits. ``by``: that of documents without a query; ``keys``: what answers name as their `sort`."""

    by: OrderBy
    keys: tuple[str, ...] = ()
    scored: bool = True

    @property
    def column(self) -> str | None:
        """The column that documents are ordered by; None by id."""
        return None if self.by.key == "id" else self.by.key

    def values(self, id: Any, value: Any, score: float | None) -> list[Any]:
        """Return the `sort` of a hit."""
        known = {"_score": score, **dict.fromkeys(BY_PLACE, id)}
        return [known[key] if key in known else _shown(value) for key in self.keys]


def parse_order(sort: Any, fields: Fields, *, sparse: bool) -> Order:
    """Return the order that a search asks for; `sparse`: it has a query whose hits are ordered by score.

    Raises RefusedError.
    """
    listed = [] if sort is None else sort if isinstance(sort, list) else [sort]
    keys = [_key(one) for one in listed]
    by, field, names = OrderBy(), "", [name for name, _, _ in keys]
    for at, (name, direction, options) in enumerate(keys):
        if name == "_score":
            if direction == "asc":
                raise RefusedError("sort: found _score ascending, expected it descending")
        elif name in BY_PLACE:
            if direction == "desc" and (name != "_id" or at or sparse):
                raise RefusedError(f"sort: found {name} descending, expected it ascending")
            by = by if field else OrderBy(direction=direction)
            field = field or name
        elif sparse:
            raise RefusedError(
                f"sort: found field '{name}', expected _score: hits of neural_sparse are ordered by score"
            )
        elif field:
            raise RefusedError(f"sort: found field '{name}' after '{field}', expected one field, and _id after it")
        else:
            by, field = _by_field(name, direction, options, fields), name
    scored = not keys or "_score" in names
    return Order(by, tuple(names), scored)


def cursor_of(order: Order, after: Any, index: Index, fields: Fields) -> str:
    """Return the cursor of the hits after the values `search_after`. Raises RefusedError."""
    keys = [key for key in order.keys if key != "_score"]
    if not isinstance(after, list) or len(after) != len(order.keys) or not keys:
        expected = f"expected {len(order.keys)} values, one for each key of sort"
        raise RefusedError(f"search_after: found {excerpt(after)}, {expected}")
    given = dict(zip(order.keys, after, strict=True))
    id = next((given[key] for key in keys if key in BY_PLACE), None)
    if id is not None:
        known = fields.known_ids([id]) if isinstance(id, str | int) else []
        if not known:
            raise RefusedError(f"search_after: found {excerpt(id)}, expected an id")
        id = known[0]
    if order.column is None:
        return cursor_after(index.view, order.by, id, id)
    return cursor_after(index.view, order.by, _stored(given[keys[0]], order.column, fields), id)


def _key(one: Any) -> tuple[str, Literal["asc", "desc"], dict[str, Any]]:
    """Return the name, the direction and the options of a key."""
    if isinstance(one, str):
        name, colon, direction = one.rpartition(":")
        one = {name: direction} if colon and direction in ("asc", "desc") else {one: {}}
    if not isinstance(one, dict) or len(one) != 1:
        raise RefusedError(f"sort: found {excerpt(one)}, expected a field, or an object with one field")
    ((name, options),) = one.items()
    options = {"order": options} if isinstance(options, str) else options
    if not isinstance(options, dict) or (unknown := [key for key in options if key not in _OPTIONS]):
        found = f"option '{unknown[0]}'" if isinstance(options, dict) else excerpt(options)
        raise RefusedError(f"sort: field '{name}': found {found}, which is not supported")
    direction = options.get("order", "desc" if name == "_score" else "asc")
    if direction not in ("asc", "desc"):
        raise RefusedError(f"sort: field '{name}': found order {excerpt(direction)}, expected asc or desc")
    for option, usual in (("missing", "_last"), ("nested", None), ("mode", None), ("format", None)):
        if options.get(option, usual) != usual:
            raise RefusedError(
                f"sort: field '{name}': found {option} {excerpt(options[option])}, which is not supported"
            )
    return str(name), "desc" if direction == "desc" else "asc", options


def _by_field(name: str, direction: Any, options: dict[str, Any], fields: Fields) -> OrderBy:
    if fields.is_vector(name):
        raise RefusedError(f"sort: '{name}' is a field of sparse vectors, expected an ordinary field")
    column = fields.column(name)
    if column is None:
        if "unmapped_type" in options:
            return OrderBy()
        raise RefusedError(f"No mapping found for [{name}] in order to sort on", "query_shard_exception")
    if column.analyzed:
        raise RefusedError(f"sort: field '{name}' is a text, expected '{name}.keyword' or a field of another type")
    return OrderBy(key=column.keys[0], direction=direction)


def _shown(value: Any) -> Any:
    """Return the value of a field as `sort` shows it: times in milliseconds since 1970 if they are whole."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        micros = pa.scalar(value, pa.timestamp("us", "UTC" if value.tzinfo else None)).value
        return value.isoformat() if micros % 1000 else micros // 1000
    return value


def _stored(value: Any, column: str, fields: Fields) -> Any:
    """Return a value of `search_after` as a cursor takes it. Raises RefusedError."""
    found = fields.columns.get(column)
    if found is None or not (pa.types.is_timestamp(found) or pa.types.is_date(found)) or type(value) is not int:
        return value
    try:
        return pa.scalar(value, pa.timestamp("ms", "UTC")).as_py().isoformat()
    except (ValueError, OverflowError):
        raise RefusedError(f"search_after: found {value}, expected milliseconds since 1970") from None
