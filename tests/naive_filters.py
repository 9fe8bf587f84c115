"""A slow, obvious evaluation of filters on one document, a dict of columns: the oracle of filters."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any


def meets(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a document satisfies a filter or a condition."""
    if "ids" in wanted:
        return document["id"] in wanted["ids"]
    if "exists" in wanted:
        found = document[wanted["exists"]["key"]]
        return any(value is not None for value in (found if isinstance(found, list) else [found]))
    if "is_null" in wanted:
        return document[wanted["is_null"]["key"]] is None
    if "key" in wanted:
        found = document[wanted["key"]]
        values = found if isinstance(found, list) else [found]
        return any(value is not None and _value_meets(value, wanted) for value in values)
    must, should, must_not = (wanted.get(clause) or [] for clause in ("must", "should", "must_not"))
    return (
        all(meets(document, inner) for inner in must)
        and (not should or any(meets(document, inner) for inner in should))
        and not any(meets(document, inner) for inner in must_not)
    )


def _value_meets(value: Any, wanted: Mapping[str, Any]) -> bool:
    if "match" in wanted:
        match = wanted["match"]
        return value in match["any"] if "any" in match else value == match["value"]
    compare = {
        "gte": lambda one, other: one >= other,
        "gt": lambda one, other: one > other,
        "lte": lambda one, other: one <= other,
        "lt": lambda one, other: one < other,
    }
    value = _instant(value) if isinstance(value, date) else value
    return all(
        compare[name](value, _instant(datetime.fromisoformat(bound)) if isinstance(bound, str) else bound)
        for name, bound in wanted["range"].items()
        if bound is not None
    )


def _instant(value: date) -> datetime:
    instant = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
