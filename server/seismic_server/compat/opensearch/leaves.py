"""Queries about one field that only say yes or no, as filters of the engine."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.filters.columns import is_text
from seismic.filters.texts import words_of
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Column, Fields

NOTHING: dict[str, Any] = {"ids": []}
EVERYTHING: dict[str, Any] = {"must": []}

LEAST_BOOST, MOST_BOOST = 1e-15, 1e15

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = pa.timestamp("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parsing(reason: str) -> RefusedError:
    """Return the error of a query that cannot be read."""
    return RefusedError(reason, "parsing_exception")


def boost_of(kind: str, content: Mapping[str, Any]) -> float:
    """Return the boost of a query. Raises RefusedError."""
    boost = content.get("boost", 1.0)
    if isinstance(boost, bool) or not isinstance(boost, int | float) or not LEAST_BOOST <= boost <= MOST_BOOST:
        expected = f"expected a number from {LEAST_BOOST:g} to {MOST_BOOST:g}"
        raise parsing(f"[{kind}]: field 'boost': found {excerpt(boost)}, {expected}")
    return float(boost)


def check_keys(kind: str, content: Any, *known: str) -> None:
    """Raise RefusedError unless the content of a query is an object with known fields."""
    if not isinstance(content, dict):
        raise parsing(f"[{kind}]: found {excerpt(content)}, expected an object")
    for name in content:
        if name not in (*known, "boost"):
            raise parsing(f"[{kind}]: field '{name}' is not supported, expected {', '.join(known) or 'none'}")


def _match_all(content: Any, _: Fields) -> dict[str, Any]:
    check_keys("match_all", content)
    return EVERYTHING


def _match_none(content: Any, _: Fields) -> dict[str, Any]:
    check_keys("match_none", content)
    return NOTHING


def _ids(content: Any, fields: Fields) -> dict[str, Any]:
    check_keys("ids", content, "values")
    return _of_ids("ids", content.get("values"), fields)


def _of_ids(kind: str, ids: Any, fields: Fields) -> dict[str, Any]:
    ids = ids if isinstance(ids, list) else [ids]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in ids):
        raise parsing(f"[{kind}]: found {excerpt(ids)}, expected ids")
    return {"ids": fields.known_ids(ids)}


def _exists(content: Any, fields: Fields) -> dict[str, Any]:
    check_keys("exists", content, "field")
    name = content.get("field")
    if not isinstance(name, str):
        raise parsing(f"[exists]: field 'field': found {excerpt(name)}, expected the name of a field")
    if name == "_id":
        return EVERYTHING
    column = _ordinary("exists", name, fields)
    keys = list(column.keys) if column else fields.below(name)
    return _either([{"exists": {"key": key}} for key in keys])


def _term(content: Any, fields: Fields) -> dict[str, Any]:
    name, wanted = _field("term", content)
    if isinstance(wanted, dict):
        check_keys("term", wanted, "value", "case_insensitive")
        if wanted.get("case_insensitive"):
            raise parsing("[term]: field 'case_insensitive': found true, which is not supported")
        wanted = wanted.get("value")
    return _any_of("term", name, [wanted], fields)


def _terms(content: Any, fields: Fields) -> dict[str, Any]:
    name, wanted = _field("terms", content)
    if not isinstance(wanted, list):
        raise parsing(f"[terms]: field '{name}': found {excerpt(wanted)}, expected a list of values")
    return _any_of("terms", name, wanted, fields)


def _prefix(content: Any, fields: Fields) -> dict[str, Any]:
    name, wanted = _field("prefix", content)
    if isinstance(wanted, dict):
        check_keys("prefix", wanted, "value", "case_insensitive", "rewrite")
        if wanted.get("case_insensitive"):
            raise parsing("[prefix]: field 'case_insensitive': found true, which is not supported")
        wanted = wanted.get("value")
    if not isinstance(wanted, str):
        raise parsing(f"[prefix]: field '{name}': found {excerpt(wanted)}, expected a text")
    column = _ordinary("prefix", name, fields)
    if column is None:
        return NOTHING
    if column.analyzed or not is_text(column.kind):
        raise parsing(f"[prefix]: field '{name}' is {_worded(column)}, expected a keyword")
    return _either([{"key": key, "match": {"prefix": wanted}} for key in column.keys])


def _range(content: Any, fields: Fields) -> dict[str, Any]:
    name, wanted = _field("range", content)
    check_keys("range", wanted, "gte", "gt", "lte", "lt", "format", "relation")
    if wanted.get("format") not in (None, "strict_date_optional_time", "epoch_millis", "date_optional_time"):
        raise parsing(f"[range]: field 'format': found {excerpt(wanted['format'])}, expected strict_date_optional_time")
    if wanted.get("relation") not in (None, "INTERSECTS", "intersects"):
        raise parsing(f"[range]: field 'relation': found {excerpt(wanted['relation'])}, which is not supported")
    column = _ordinary("range", name, fields)
    if column is None:
        return NOTHING
    given = {end: wanted[end] for end in ("gte", "gt", "lte", "lt") if wanted.get(end) is not None}
    if not given:
        return _either([{"exists": {"key": key}} for key in column.keys])
    keys: tuple[str, ...] = column.keys
    if is_text(column.kind):
        if column.times is None:
            raise parsing(f"[range]: field '{name}' is {_worded(column)}, expected numbers or dates")
        keys, column = (column.times,), column._replace(kind=_TIME)
    bounds = {end: _bound(name, end, value, column) for end, value in given.items()}
    return _either([{"key": key, "range": bounds} for key in keys])


LEAVES = {
    "match_all": _match_all,
    "match_none": _match_none,
    "term": _term,
    "terms": _terms,
    "range": _range,
    "exists": _exists,
    "ids": _ids,
    "prefix": _prefix,
}
"""Queries that only say yes or no."""


def _field(kind: str, content: Any) -> tuple[str, Any]:
    """Return the field of a query and what is wanted of it."""
    named = [name for name in content if name not in ("boost",)] if isinstance(content, dict) else []
    if len(named) != 1:
        raise parsing(f"[{kind}]: found {excerpt(content)}, expected an object with one field")
    boost_of(kind, content)
    return named[0], content[named[0]]


def _ordinary(kind: str, name: str, fields: Fields) -> Column | None:
    """Return the column of a field; None if no document has one."""
    if fields.is_vector(name):
        raise parsing(f"[{kind}]: '{name}' is the field of sparse vectors, expected an ordinary field")
    column = fields.column(name)
    if column is None and name.startswith("_"):
        raise parsing(f"[{kind}]: '{name}' is not a field of documents, expected one, or the query ids")
    return column


def _either(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the filter of the documents that match at least one condition."""
    if len(conditions) == 1:
        return conditions[0]
    return {"should": conditions} if conditions else NOTHING


def _any_of(kind: str, name: str, values: list[Any], fields: Fields) -> dict[str, Any]:
    for value in values:
        if not isinstance(value, str | int | float):
            expected = "expected a text, a number or a boolean"
            raise parsing(f"[{kind}]: field '{name}': found {excerpt(value)}, {expected}")
    if name == "_id":
        return _of_ids(kind, values, fields)
    column = _ordinary(kind, name, fields)
    if column is None or not values:
        return NOTHING
    if column.analyzed:
        return {"should": [_word(kind, name, column, value) for value in values]}
    wanted = [_coerced(kind, name, value, column) for value in values]
    return _either([{"key": key, "match": {"any": wanted}} for key in column.keys])


def _word(kind: str, name: str, column: Column, value: Any) -> dict[str, Any]:
    """Return the filter of the documents whose text has a word, as the standard analyser of OpenSearch makes them."""
    text = str(value)
    if tuple(words_of(text)) != (text,) or not text.isalnum():
        hint = f"expected one word in lower case; '{name}.keyword' compares the whole value"
        raise parsing(f"[{kind}]: field '{name}' is a text: found {excerpt(value)}, {hint}")
    return _either([{"key": key, "match": {"text": text}} for key in column.keys])


def _coerced(kind: str, name: str, value: Any, column: Column) -> Any:
    """Return a value as its column has it: OpenSearch takes numbers and booleans as texts, and the reverse."""
    if pa.types.is_boolean(column.kind):
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise parsing(f"[{kind}]: field '{name}' is a boolean: found {excerpt(value)}, expected true or false")
    if is_text(column.kind) and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if _is_number(column.kind):
        return _number(kind, name, value, column)
    if pa.types.is_timestamp(column.kind):
        return _instant(kind, name, value)
    return value


def _bound(name: str, end: str, value: Any, column: Column) -> Any:
    if _is_number(column.kind):
        return _number("range", name, value, column)
    if not pa.types.is_timestamp(column.kind):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value) and end in ("gt", "lte"):  # rounded up to the end of the day
        return f"{value}T23:59:59.999"
    return _instant("range", name, value)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _number(kind: str, name: str, value: Any, column: Column) -> Any:
    if isinstance(value, str):
        try:
            return int(value) if re.fullmatch(r"[+-]?\d{1,30}", value) else float(value)
        except ValueError:
            pass
    elif not isinstance(value, bool):
        return value
    raise parsing(f"[{kind}]: field '{name}' is {_worded(column)}: found {excerpt(value)}, expected a number")


def _instant(kind: str, name: str, value: Any) -> Any:
    """Return a time as text; numbers are milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return (_EPOCH + timedelta(milliseconds=value)).isoformat()
    except OverflowError:
        raise parsing(f"[{kind}]: field '{name}': found {value}, expected milliseconds since 1970") from None


def _worded(column: Column) -> str:
    return "a text" if column.analyzed else str(column.kind)
