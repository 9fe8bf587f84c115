"""A slow, obvious evaluation of filters on one document, a dict of columns: the oracle of filters."""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from seismic.filters.instants import seconds_of_day, seconds_of_duration, seconds_since_epoch

CONDITIONS = {"exists", "is_null", "ids", "key", "must", "should", "must_not"}
EARTH_RADIUS = 6_371_008.8


def meets(
    document: Mapping[str, Any], wanted: Mapping[str, Any], single: frozenset[str] = frozenset({"price"})
) -> bool:
    """Return whether a document satisfies a filter or a condition. `single`: columns of float32."""
    if wanted and not wanted.keys() & CONDITIONS:
        return all(_equals(document, key, value, single) for key, value in wanted.items())
    if "ids" in wanted:
        return document["id"] in wanted["ids"]
    if "exists" in wanted:
        return any(value is not None for value in _values(document, wanted["exists"]["key"]))
    if "is_null" in wanted:
        return _is_null(document, wanted["is_null"]["key"])
    if "key" in wanted:
        values = _values(document, wanted["key"])
        return any(value is not None and _value_meets(value, wanted, wanted["key"] in single) for value in values)
    must, should, must_not = (wanted.get(clause) or [] for clause in ("must", "should", "must_not"))
    return (
        all(meets(document, inner, single) for inner in must)
        and (not should or any(meets(document, inner, single) for inner in should))
        and not any(meets(document, inner, single) for inner in must_not)
    )


def _equals(document: Mapping[str, Any], key: str, wanted: Any, single: frozenset[str]) -> bool:
    if wanted is None:
        return _is_null(document, key)
    match = {"any": wanted} if isinstance(wanted, list) else {"value": wanted}
    return meets(document, {"key": key, "match": match}, single)


def _found(document: Mapping[str, Any], key: str) -> list[Any]:
    """Return what is found at the end of a key: one value, or several behind a list of structs."""
    if key in document:
        return [document[key]]
    names = [name.replace("\n", ".") for name in key.replace("\\.", "\n").split(".")]
    found = [document[names[0]]]
    for name in names[1:]:
        structs = [struct for value in found for struct in (value if isinstance(value, list) else [value])]
        found = [None if struct is None else struct[name] for struct in structs]
    return found


def _values(document: Mapping[str, Any], key: str) -> list[Any]:
    """Return the values at the end of a key, those of lists one by one."""
    lists = [value if isinstance(value, list) and key != "pairs" else [value] for value in _found(document, key)]
    return [value for values in lists for value in values]


def _is_null(document: Mapping[str, Any], key: str) -> bool:
    return all(value is None for value in _found(document, key))


def _value_meets(value: Any, wanted: Mapping[str, Any], single: bool) -> bool:
    if "match" in wanted:
        return _matches(value, wanted["match"], single)
    if "geo_radius" in wanted:
        return _is_near(value, **wanted["geo_radius"])
    if "geo_bounding_box" in wanted:
        return _is_inside(value, **wanted["geo_bounding_box"])
    compare = {
        "gte": lambda one, other: one >= other,
        "gt": lambda one, other: one > other,
        "lte": lambda one, other: one <= other,
        "lt": lambda one, other: one < other,
    }
    return all(
        compare[name](_number(value), _number(bound, value))
        for name, bound in wanted["range"].items()
        if bound is not None
    )


def _matches(value: Any, match: Mapping[str, Any], single: bool) -> bool:
    if "prefix" in match:
        return bool(value.startswith(match["prefix"]))
    if "substring" in match:
        return match["substring"] in value
    if "text" in match:
        return set(words(match["text"])) <= set(words(value))
    wanted = match["any"] if "any" in match else [match["value"]]
    if single:
        with np.errstate(over="ignore"):
            wanted = [float(np.float32(one)) for one in wanted]
        return math.isfinite(value) and value in wanted
    return any(_number(value) == _number(one, value) for one in wanted)


def words(text: str) -> list[str]:
    """Return the case-folded words of a text: runs of letters, marks, numbers and underscores."""
    marked = (one if one == "_" or unicodedata.category(one)[0] in "LMN" else " " for one in text.casefold())
    return re.findall(r"[^ ]+", "".join(marked))


def _number(value: Any, like: Any = None) -> Any:
    """Return a value, or what a filter says in the place of a value `like` that, as something to compare."""
    if isinstance(value, str):
        if isinstance(like, timedelta):
            return seconds_of_duration(value)
        if isinstance(like, time):
            return seconds_of_day(value)
        if isinstance(like, date):
            return seconds_since_epoch(value)
        return Decimal(value) if isinstance(like, Decimal) else value
    if isinstance(like, Decimal):
        return Decimal(repr(value))
    if isinstance(value, timedelta):
        return Fraction(value // timedelta(microseconds=1), 1_000_000)
    if isinstance(value, time):
        return seconds_of_day(value.isoformat())
    return seconds_since_epoch(_instant(value).isoformat()) if isinstance(value, date) else value


def _is_near(value: Mapping[str, Any], center: Mapping[str, float], radius: float) -> bool:
    if not _is_on_earth(value):
        return False
    here, there = (math.radians(point["lat"]) for point in (value, center))
    across = math.sin(math.radians(value["lon"] - center["lon"]) / 2) ** 2
    share = math.sin((here - there) / 2) ** 2 + math.cos(here) * math.cos(there) * across
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(1.0, share))) <= radius


def _is_inside(value: Mapping[str, Any], top_left: Mapping[str, float], bottom_right: Mapping[str, float]) -> bool:
    if not _is_on_earth(value) or not bottom_right["lat"] <= value["lat"] <= top_left["lat"]:
        return False
    west, east = top_left["lon"], bottom_right["lon"]
    turns = [value["lon"] + 360 * turn for turn in (-1, 0, 1)]
    return any(west <= lon <= (east if east >= west else east + 360) for lon in turns)


def _is_on_earth(value: Mapping[str, Any]) -> bool:
    lat, lon = value["lat"], value["lon"]
    return lat is not None and lon is not None and abs(lat) <= 90 and abs(lon) <= 180


def _instant(value: date) -> datetime:
    instant = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
