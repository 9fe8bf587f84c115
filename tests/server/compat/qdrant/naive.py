"""What filters of the Qdrant API mean: a slow, obvious form over payloads."""

import operator
from datetime import UTC, datetime
from typing import Any


def values_at(payload: Any, key: str) -> list[Any]:
    """The values that a key selects; lists as they are."""
    found = [payload]
    for name in key.split("."):
        listed = name.endswith("[]")
        name = name.removesuffix("[]")
        found = [one[name] for one in found if isinstance(one, dict) and name in one]
        if listed:
            found = [part for one in found if isinstance(one, list) for part in one]
    return found


def single_values(payload: Any, key: str) -> list[Any]:
    """The values that a key selects, and the elements of those that are lists."""
    return [part for one in values_at(payload, key) for part in (one if isinstance(one, list) else [one])]


def matches(filter: Any, id: Any, payload: Any) -> bool:
    """Whether a point matches a filter."""

    def all_of(name: str) -> list[bool]:
        return [holds(one, id, payload) for one in filter.get(name) or []]

    least = filter.get("min_should")
    if least and sum(holds(one, id, payload) for one in least["conditions"]) < least["min_count"]:
        return False
    should = all_of("should")
    return all(all_of("must")) and (not should or any(should)) and not any(all_of("must_not"))


def holds(condition: Any, id: Any, payload: Any) -> bool:
    """Whether a condition holds for a point."""
    if "has_id" in condition:
        return id in condition["has_id"]
    if "is_empty" in condition:
        found = values_at(payload, condition["is_empty"]["key"])
        return all(one is None or one == [] for one in found)
    if "is_null" in condition:
        found = values_at(payload, condition["is_null"]["key"])
        return any(one is None or (isinstance(one, list) and None in one) for one in found)
    if "key" not in condition:
        return matches(condition, id, payload)
    return any(holds_for(condition, value) for value in single_values(payload, condition["key"]) if value is not None)


def holds_for(condition: Any, value: Any) -> bool:
    """Whether a condition holds for one value."""
    if "range" in condition:
        return in_range(condition["range"], value)
    ((name, wanted),) = condition["match"].items()
    if name == "value":
        return equal(value, wanted)
    if name == "prefix":
        return isinstance(value, str) and value.startswith(wanted)
    if name == "substring":
        return isinstance(value, str) and wanted in value
    return any(equal(value, one) for one in wanted) == (name == "any")


def equal(value: Any, wanted: Any) -> bool:
    return type(value) is type(wanted) and bool(value == wanted)


def in_range(bounds: dict[str, Any], value: Any) -> bool:
    if any(isinstance(bound, str) for bound in bounds.values()):
        bounds = {name: instant(bound) for name, bound in bounds.items()}
        value = instant(value) if isinstance(value, str) else None
    if value is None or isinstance(value, bool | str):
        return False
    tests = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
    return all(tests[name](value, bound) for name, bound in bounds.items())


def instant(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
