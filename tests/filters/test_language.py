"""The filter language: what is valid, and the errors for the rest."""

from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seismic import FilterError
from seismic.filters.bind import bind
from seismic.filters.columns import columns_of
from seismic.filters.instants import seconds_of_day, seconds_of_duration, seconds_since_epoch
from seismic.filters.parse import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, parse_filter
from seismic.filters.predicates import NOTHING, Between, HasIds, OneOf, Present

COLUMNS = columns_of(
    pa.schema(
        {
            "id": pa.string(),
            "lang": pa.string(),
            "year": pa.int32(),
            "open": pa.bool_(),
            "price": pa.float32(),
            "day": pa.date32(),
            "old": pa.date64(),
            "at": pa.timestamp("us"),
            "tags": pa.list_(pa.string()),
            "raw": pa.binary(),
            "cost": pa.decimal128(6, 2),
            "clock": pa.time32("s"),
            "took": pa.duration("ms"),
            "author": pa.struct({"name": pa.string(), "born": pa.struct({"year": pa.int16()})}),
            "people": pa.list_(pa.struct({"name": pa.string(), "nicks": pa.list_(pa.string())})),
            "place": pa.struct({"lat": pa.float64(), "lon": pa.float32()}),
            "a.b": pa.string(),
            "a": pa.struct({"b": pa.int8(), "c.d": pa.int8()}),
            "ids": pa.string(),
            "empty": pa.null(),
        }
    )
)


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"exists": {"key": "lang"}}
    for _ in range(depth - 1):
        inner = {"must": [inner]}
    return inner


def refused(wanted: Any) -> str:
    with pytest.raises(FilterError) as caught:
        bind(parse_filter(wanted), COLUMNS)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.problem}"
    return str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([], "filter: expected an object with columns and their values, or exactly one of 'match', 'range', "),
        ({"mut": []}, "filter.mut: unknown column 'mut'; this collection has id, lang, "),
        ({"must": {}}, "filter.must: expected a list (found {})"),
        ({"must": [7]}, "filter.must[0]: expected an object with columns and their values, or exactly one of 'match'"),
        ({"should": [{}, {}]}, "filter.should[0]: expected an object with columns and their values, or exactly one "),
        ({"must": [{"key": "lang"}]}, "filter.must[0]: expected an object with columns and their values, or "),
        ({"must": [{"ids": [], "match": {"value": 1}}]}, "filter.must[0]: expected an object with columns and their "),
        ({"must": [{"ids": [], "extra": 1}]}, "filter.must[0].extra: unknown field"),
        ({"must": [{"match": {"value": "en"}}]}, "filter.must[0].key: is missing"),
        ({"must": [{"key": 1, "match": {"value": "en"}}]}, "filter.must[0].key: input should be a valid string (foun"),
        ({"must": [{"key": "lang", "match": "en"}]}, "filter.must[0].match: expected an object with exactly one of"),
        ({"must": [{"key": "lang", "match": {"value": 1, "any": []}}]}, "filter.must[0].match: expected an object wi"),
        ({"must": [{"key": "lang", "match": {"value": None}}]}, "filter.must[0].match.value: expected a string, a "),
        ({"must": [{"key": "lang", "match": {"any": "en"}}]}, "filter.must[0].match.any: expected a list of strings, "),
        ({"must": [{"key": "lang", "match": {"any": ["a", 1]}}]}, "filter.must[0].match.any[1]: input should be a "),
        ({"must": [{"key": "year", "range": {}}]}, "filter.must[0].range: expected at least one of gte, gt, lte and"),
        ({"must": [{"key": "year", "range": {"ge": 1}}]}, "filter.must[0].range.ge: unknown field"),
        ({"must": [{"key": "year", "range": {"gte": True}}]}, "filter.must[0].range.gte: expected a number, a date o"),
        ({"must": [{"key": "year", "range": {"gte": float("nan")}}]}, "filter.must[0].range.gte: input should be a f"),
        ({"must": [{"exists": "lang"}]}, "filter.must[0].exists: expected an object (found 'lang')"),
        ({"must_not": [{"must": [{"ids": 1}]}]}, "filter.must_not[0].must[0].ids: expected a list of strings or of "),
        ({"must": [], "lang": "en"}, 'filter.lang: unknown field; to match a column, add {"column": value} to must'),
        ({"year": {"gte": 1}}, "filter.year: expected a value, a list of values or null; other conditions have the f"),
        ({"should": [{"year": [[1]]}]}, "filter.should[0].year: expected a list of strings, of numbers or of booleans"),
        ({"a b": 1}, "filter[\"a b\"]: unknown column 'a b'"),
        ({"lang": ["en", 1]}, "filter.lang[1]: input should be a valid string (found 1)"),
        ({"key": "place", "geo_radius": {"radius": 1}}, "filter.geo_radius.center: is missing"),
        ({"key": "place", "geo_radius": {"center": {"lat": 91, "lon": 0}, "radius": 1}}, "filter.geo_radius.center.la"),
        ({"key": "place", "geo_radius": {"center": {"lat": 1, "lon": 0}, "radius": -1}}, "filter.geo_radius.radius: "),
        (
            {"key": "a", "geo_bounding_box": {"top_left": {"lat": 1, "lon": 0}, "bottom_right": {"lat": 2, "lon": 1}}},
            "filter.geo_bounding_box: found top_left at latitude 1.0 and bottom_right at 2.0, expected the top above",
        ),
        ({"key": "lang", "match": {"text": "x" * 1025}}, "filter.match.text: expected at most 1024 characters (f"),
        ({"key": "x" * 1025, "match": {"text": "x"}}, "filter.key: unknown column 'xxx"),
    ],
)  # fmt: skip
def test_what_is_not_a_filter(wanted: Any, message: str) -> None:
    assert refused(wanted).startswith(message)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"key": "lan", "match": {"value": "en"}}, "key: unknown column 'lan'; this collection has id, lang, year, "),
        ({"exists": {"key": "lan"}}, "exists.key: unknown column 'lan'"),
        ({"is_null": {"key": "lan"}}, "is_null.key: unknown column 'lan'"),
        ({"key": "lang", "match": {"value": 1}}, "match.value: found 1, expected a string: column 'lang' is string"),
        ({"key": "year", "match": {"value": "1"}}, "match.value: found '1', expected an integer: column 'year' is"),
        ({"key": "year", "match": {"value": True}}, "match.value: found True, expected an integer"),
        ({"key": "open", "match": {"any": [1]}}, "match.any[0]: found 1, expected true or false: column 'open' is"),
        ({"key": "tags", "match": {"any": [1]}}, "match.any[0]: found 1, expected a string: column 'tags' is list<"),
        ({"key": "price", "match": {"value": "1"}}, "match.value: found '1', expected a number: column 'price' is flo"),
        ({"key": "raw", "match": {"value": "a"}}, "match: column 'raw' is binary, expected strings, numbers, boolea"),
        ({"key": "lang", "range": {"gte": "a"}}, "range: column 'lang' is string, expected numbers, dates or times;"),
        ({"key": "raw", "range": {"gte": 1}}, "range: column 'raw' is binary, expected numbers, dates or times; use"),
        ({"key": "year", "range": {"gte": "2020"}}, "range.gte: found '2020', expected a number: column 'year' is"),
        ({"key": "day", "range": {"lt": 2020}}, "range.lt: found 2020, expected a date or time such as '2024-05-01'"),
        ({"key": "at", "range": {"lt": "May"}}, "range.lt: found 'May', expected a date or time such as '2024-05-01'"),
        ({"key": "at", "range": {"lt": "2024-13-01"}}, "range.lt: found '2024-13-01', expected a date or time such as"),
        ({"ids": [1]}, "ids[0]: found 1, expected a string, the type of this collection's ids"),
        ({"lang": 1}, "lang: found 1, expected a string: column 'lang' is string"),
        ({"year": [1, 2.5]}, "year[1]: found 2.5, expected an integer: column 'year' is int32"),
        ({"day": "May"}, "day: found 'May', expected a date or time such as '2024-05-01'"),
        ({"clock": "25:00"}, "clock: found '25:00', expected a time of day such as '12:30:00' ("),
        ({"took": 3}, "took: found 3, expected a duration such as 'PT1.5S' or 'P1DT2H': column 'took' is duration[ms]"),
        ({"cost": "1,5"}, "cost: found '1,5', expected a number, or its text such as '1.50': column 'cost' is decimal"),
        ({"cost": "NaN"}, "cost: found 'NaN', expected a number"),
        ({"cost": "1e999999999"}, "cost: found '1e999999999', expected a number"),
        ({"key": "cost", "range": {"gte": True}}, "range.gte: expected a number, a date or a time (found True)"),
        ({"author": "x"}, "author: column 'author' is struct<name: string, born: struct<year: int16>>, expected "),
        ({"exists": {"key": "author.nam"}}, "exists.key: unknown field 'nam' of 'author', which has name, born"),
        ({"key": "lang.x", "match": {"value": 1}}, "key: unknown column 'lang.x': 'lang' is string and has no fields"),
        ({"exists": {"key": "people.nicks.x"}}, "exists.key: unknown column 'people.nicks.x': 'people.nicks' is s"),
        ({"key": "year", "match": {"prefix": "1"}}, "match: column 'year' is int32, expected strings; use value or"),
        ({"key": "lang", "match": {"text": " -,"}}, "match.text: found 0 different words in ' -,', expected 1 to 32"),
        ({"key": "lang", "match": {"text": " ".join(map(str, range(33)))}}, "match.text: found 33 different words in "),
        (
            {"key": "author", "geo_radius": {"center": {"lat": 1, "lon": 0}, "radius": 1}},
            "geo_radius: column 'author' is struct<name: string, born: struct<year: int16>>, expected structs with ",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_columns(condition: dict[str, Any], message: str) -> None:
    assert refused({"must": [condition]}).startswith(f"filter.must[0].{message}")


def test_what_a_filter_may_cost_is_bounded() -> None:
    assert parse_filter(nested(MAX_DEPTH))
    assert refused(nested(MAX_DEPTH + 1)) == "filter: found more than 8 levels of conditions, expected at most 8"
    assert refused(nested(900)).startswith("filter: found more than 8 levels")
    there = {"exists": {"key": "lang"}}
    assert parse_filter({"must": [there] * MAX_CONDITIONS})
    assert refused({"must": [there] * (MAX_CONDITIONS + 1)}).startswith("filter: found more than 1024 conditions")
    assert refused({"should": [{f"c{at}": 1 for at in range(MAX_CONDITIONS)}, there]}).startswith(
        "filter: found more t"
    )
    assert refused({"lang": ["a"] * (MAX_VALUES + 1)}).startswith("filter: found more than 65536 values")
    halves = [{"ids": ["a"] * (MAX_VALUES // 2)}, {"key": "lang", "match": {"any": ["a"] * (MAX_VALUES // 2)}}]
    assert parse_filter({"must": halves})
    assert refused({"must": [*halves, {"ids": ["a"]}]}).startswith("filter: found more than 65536 values")
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert "expected a string, a number or a boolean" in refused({"must": [{"key": "lang", "match": {"value": deep}}]})


@pytest.mark.parametrize(
    ("key", "bounds", "low", "high"),
    [
        ("year", {"gte": 2.5, "lt": 7}, 3, 6),
        ("year", {"gt": 2, "lte": 7.9}, 3, 7),
        ("year", {"gte": 1, "gt": 5}, 6, 2**31 - 1),
        ("year", {"gte": 2**31}, None, None),
        ("year", {"lt": -1e300}, None, None),
        ("year", {"gt": 5, "lt": 6}, None, None),
        ("price", {"gte": 0.1, "lte": 0.1}, None, None),  # no float32 is 0.1
        ("price", {"gte": 0.1}, np.float32(0.1), np.inf),
        ("price", {"lt": 2**24 + 1}, -np.inf, 2.0**24),
        ("price", {"gt": 10**400}, np.inf, np.inf),
        ("price", {"lte": 10**400}, -np.inf, np.finfo(np.float32).max),
        ("day", {"gt": "1970-01-02", "lt": "1970-01-05T00:00:01"}, 2, 4),
        ("day", {"gte": "1970-01-02T01:00:00+01:00", "lte": "1970-01-02T23:59:59.9999999999Z"}, 1, 1),
        ("old", {"gte": "1970-01-02"}, 86_400_000, 2**63 - 1),
        ("at", {"gte": "1970-01-01T00:00:00.0000015"}, 2, 2**63 - 1),
        ("at", {"lte": "19700101T000000.0000019Z"}, -(2**63), 1),
        ("at", {"lt": "1969-12-31T23:00:00-01:00"}, -(2**63), -1),
    ],
)
def test_bounds_are_exact(key: str, bounds: dict[str, Any], low: Any, high: Any) -> None:
    found = bind(parse_filter({"must": [{"key": key, "range": bounds}]}), COLUMNS)
    if low is None:
        assert found == NOTHING
    else:
        assert isinstance(found, Between)
        assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("author.name", ("author", "name")),
        ("author.born.year", ("author", "born", "year")),
        ("people.nicks", ("people", "nicks")),
        ("a.b", ("a.b",)),  # a column of this name comes first
        (r"a.\b", ("a", "b")),
        (r"a\.b", ("a.b",)),
        (r"a.c\.d", ("a", "c.d")),
        (r"l\ang", ("lang",)),
    ],
)
def test_dots_lead_into_structs(key: str, path: tuple[str, ...]) -> None:
    assert bind(parse_filter({"exists": {"key": key}}), COLUMNS) == Present(path, not_empty=True)


def test_a_column_with_the_name_of_a_keyword_needs_the_long_form() -> None:
    assert bind(parse_filter({"ids": ["x"]}), COLUMNS) == HasIds(frozenset({"x"}))
    assert bind(parse_filter({"key": "ids", "match": {"value": "x"}}), COLUMNS) == OneOf(
        ("ids",), pa.string(), frozenset({"x"})
    )


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"lang": "en"}, {"key": "lang", "match": {"value": "en"}}),
        ({"lang": ["en", "de"]}, {"key": "lang", "match": {"any": ["de", "en"]}}),
        ({"lang": None}, {"is_null": {"key": "lang"}}),
        ({"year": 2020.0}, {"key": "year", "match": {"value": 2020}}),
        ({"day": date(2024, 5, 1)}, {"key": "day", "match": {"value": "2024-05-01"}}),
        ({"clock": [time(12, 30)]}, {"key": "clock", "match": {"any": ["12:30"]}}),
        ({"took": timedelta(seconds=1.5)}, {"key": "took", "match": {"value": "PT1.5S"}}),
        ({"cost": [Decimal("0.10"), Decimal(2)]}, {"key": "cost", "match": {"any": [0.1, 2]}}),
        ({"empty": 1}, {"key": "empty", "match": {"any": ["x"]}}),  # no document has a value
        ({"lang": "en", "year": 1}, {"must": [{"lang": "en"}, {"year": 1}]}),
    ],
)
def test_the_short_form_means_the_long_one(short: dict[str, Any], long: dict[str, Any]) -> None:
    assert bind(parse_filter(short), COLUMNS) == bind(parse_filter(long), COLUMNS)
    assert bind(parse_filter({"should": [short]}), COLUMNS) == bind(parse_filter({"must": [long]}), COLUMNS)


def test_a_match_is_rounded_to_the_floats_of_its_column() -> None:
    found = bind(parse_filter({"price": [0.1, 1, 10**30, 1e300]}), COLUMNS)
    assert isinstance(found, OneOf)
    assert found.values == {float(np.float32(0.1)), 1.0, float(np.float32(10**30))}


def test_the_same_filter_written_otherwise_is_the_same() -> None:
    one = {"must": [{"key": "lang", "match": {"any": ["en", "de", "en"]}}], "should": []}
    other = {"must": [{"key": "lang", "match": {"any": ["de", "en"]}}]}
    assert bind(parse_filter(one), COLUMNS) == bind(parse_filter(other), COLUMNS)
    assert hash(bind(parse_filter(one), COLUMNS)) == hash(bind(parse_filter(other), COLUMNS))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00.5", "1/2"),
        ("1970-01-01 00:00:00,123456789Z", "123456789/1000000000"),
        ("19700101T000001.25+00:00", "5/4"),
        ("1970-01-01T02:00:00+02:00:00.5", "-1/2"),
        ("1970-01-01T00:00-02:00:00.5", "14401/2"),
    ],
)
def test_instants_are_exact(text: str, seconds: str) -> None:
    assert seconds_since_epoch(text) == Fraction(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12:00", "43200"), ("00:00:00.123456789", "123456789/1000000000"), ("000001", "1")]
)
def test_times_of_day_are_exact(text: str, seconds: str) -> None:
    assert seconds_of_day(text) == Fraction(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1.5S", "3/2"), ("-P1DT2H3M", "-93780"), ("P2W", "1209600"), ("PT0,000000001S", "1/1000000000")],
)
def test_durations_are_exact(text: str, seconds: str) -> None:
    assert seconds_of_duration(text) == Fraction(seconds)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (seconds_since_epoch, "1970-01-01T00:00:00." + "1" * 100),
        (seconds_of_day, "12:00:00+02:00"),
        (seconds_of_day, "12:00Z"),
        (seconds_of_duration, "P"),
        (seconds_of_duration, "P1DT"),
        (seconds_of_duration, "P1Y"),
        (seconds_of_duration, "P" + "9" * 100 + "D"),
    ],
)
def test_other_texts_are_refused(parse: Callable[[str], Fraction], text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)
