"""Haystack's filters in the language of the engine."""

from collections.abc import Collection, Mapping
from typing import Any

from seismic.conversion.plain import excerpt
from seismic.extras import hinted
from seismic.integrations.metadata import TIME, instant

with hinted():
    from haystack.errors import FilterError

META, CONTENT = "meta", "content"
"""Columns of a document's metadata and of its text."""

EVERY: dict[str, Any] = {"must": []}
NONE: dict[str, Any] = {"must_not": [EVERY]}
"""Filters that every document and no document matches."""

_ORDERS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_OTHERS = ("blob", "embedding", "score", "sparse_embedding")


def to_filter(filters: Mapping[str, Any] | None, columns: Collection[str]) -> dict[str, Any] | None:
    """Return the engine's filter; None for none. `columns`: those of the collection; others have no values.

    Dates are compared as times. Raises Haystack's FilterError for what is malformed or cannot be filtered.
    """
    return _any(filters, columns) if filters else None


def _any(condition: Any, columns: Collection[str]) -> dict[str, Any]:
    if not isinstance(condition, Mapping):
        raise FilterError(f"found {excerpt(condition)}, expected a comparison or a logical condition")
    return _comparison(condition, columns) if "field" in condition else _logic(condition, columns)


def _logic(condition: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    operator, conditions = _key(condition, "operator"), _key(condition, "conditions")
    if not isinstance(conditions, list):
        raise FilterError(f"conditions: found {excerpt(conditions)}, expected a list")
    parts = [_any(one, columns) for one in conditions]
    match operator:
        case "AND":
            return {"must": parts}
        case "OR":
            return {"should": parts} if parts else NONE
        case "NOT":
            return {"must_not": [{"must": parts}]}
    raise FilterError(f"operator: found {excerpt(operator)}, expected AND, OR or NOT")


def _comparison(condition: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    field, operator, value = (_key(condition, name) for name in ("field", "operator", "value"))
    column = _column(field)
    match operator:
        case "==":
            return _equal(column, value, columns)
        case "!=":
            return {"must_not": [_equal(column, value, columns)]}
        case "in" | "not in":
            if not isinstance(value, list):
                raise FilterError(f"field '{field}' {operator}: found {excerpt(value)}, expected a list")
            equal = {"should": [_equal(column, one, columns) for one in value]} if value else NONE
            return equal if operator == "in" else {"must_not": [equal]}
        case ">" | ">=" | "<" | "<=":
            return _ordered(column, operator, value, columns)
    raise FilterError(
        f"field '{field}': found the operator {excerpt(operator)}, expected ==, !=, >, >=, <, <=, in, not in"
    )


def _equal(column: str, value: Any, columns: Collection[str]) -> dict[str, Any]:
    if value is None:
        return {"must_not": [{"exists": {"key": _path(column)}}]} if column in columns else EVERY
    if not isinstance(value, str | bool | int | float):
        raise FilterError(f"field '{column}': found {excerpt(value)}, expected a text, a number or a boolean")
    return {"key": _path(column), "match": {"value": value}} if column in columns else NONE


def _ordered(column: str, operator: str, value: Any, columns: Collection[str]) -> dict[str, Any]:
    if value is None:
        return NONE
    if isinstance(value, str):
        value = instant(value)
        if value is None or (column in columns and column + TIME not in columns):
            raise FilterError(
                f"field '{column}' {operator}: a text is compared only if it is a date, as its values are"
            )
        column += TIME
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise FilterError(f"field '{column}' {operator}: found {excerpt(value)}, expected a number or a date")
    return {"key": _path(column), "range": {_ORDERS[operator]: value}} if column in columns else NONE


def _column(field: Any) -> str:
    """Return the column of a field; one without a prefix is a key of the metadata."""
    if not isinstance(field, str) or field in _OTHERS:
        raise FilterError(f"found the field {excerpt(field)}, expected id, content, or a key of the metadata")
    return field if field in ("id", CONTENT) or field.startswith(f"{META}.") else f"{META}.{field}"


def _path(column: str) -> str:
    return column.replace("\\", "\\\\")


def _key(condition: Mapping[str, Any], name: str) -> Any:
    if name not in condition:
        raise FilterError(f"'{name}' key missing in {excerpt(condition)}")
    return condition[name]
