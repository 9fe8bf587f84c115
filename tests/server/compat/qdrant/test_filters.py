"""Filters match the points that their naive form matches."""

import random

import pytest

from .conftest import SPARSE
from .naive import matches

pytestmark = pytest.mark.anyio

POINTS, FILTERS = 80, 150
KEYS = [
    "lang",
    "year",
    "ok",
    "tags",
    "meta",
    "meta.lang",
    "authors",
    "authors[].name",
    "day",
    "id",
    "nothing",
    "meta.e",
]


def some_payload(of):
    whole = {
        "id": f"d{of.randint(0, 5)}",
        "lang": of.choice(["en", "de", None, ["en", "fr"], ["de"]]),
        "year": of.choice([2000, 2001, 2002, None]),
        "ok": of.choice([True, False]),
        "tags": of.choice([["a"], ["a", "b"], [], [None], "c", [["a"]]]),
        "meta": of.choice([{"lang": "en", "e": {}}, {"lang": None}, {}, {"lang": ["de", "en"]}]),
        "authors": [{"name": of.choice(["A", "B", None]), "age": of.randint(1, 9)} for _ in range(of.randint(0, 2))],
        "day": of.choice(["2024-05-01", "2024-05-01T10:00:00+02:00", "soon", ["2023-01-01", "2025-01-01"]]),
        "price": of.choice([0.5, 2.25]),
    }
    return {key: value for key, value in whole.items() if of.random() < 0.75}


def some_condition(of):
    key, dates = of.choice(KEYS), of.choice(["2024-06-01", "2026-01-01"])
    numbers = of.choice([{"gte": 2001}, {"lt": 4, "gt": 0.5}])
    return of.choice(
        [
            {"is_empty": {"key": key}},
            {"is_null": {"key": key}},
            {"has_id": of.sample(range(POINTS), 30)},
            {"key": key, "match": {"value": of.choice(["en", "a", 2001, True, "A", "d1"])}},
            {"key": key, "match": {"any": of.choice([["en", "fr"], [2000, 2001], ["b", "c"], []])}},
            {"key": "year", "match": {"except": of.choice([[2000], ["en"], []])}},
            {"key": "id", "match": {"except": ["d1", "d2"]}},
            {"key": key, "match": of.choice([{"prefix": "d"}, {"substring": "e"}, {"prefix": ""}])},
            {"key": of.choice(["year", "price", "authors[].age"]), "range": numbers},
            {"key": of.choice(["day", "lang"]), "range": {"gte": "2024-05-01T08:00:00Z", "lt": dates}},
        ]
    )


def some_filter(of, depth=2):
    def several(most):
        return [some_part(of, depth) for _ in range(of.randint(0, most))]

    made = {"must": several(1), "should": several(2), "must_not": several(1)}
    if of.random() < 0.2:
        made["min_should"] = {"conditions": [some_condition(of) for _ in range(3)], "min_count": of.randint(1, 4)}
    return {name: part for name, part in made.items() if part}


def some_part(of, depth):
    return some_filter(of, depth - 1) if depth > 1 and of.random() < 0.2 else some_condition(of)


async def scrolled(qdrant, filter):
    body = {"filter": filter, "limit": POINTS, "with_payload": False}
    return [point["id"] for point in (await qdrant.result("POST", "/collections/c/points/scroll", body))["points"]]


async def test_filters_match_their_naive_form(served):
    of = random.Random(7)
    payloads = [some_payload(of) for _ in range(POINTS)]
    sizes = set()
    async with served() as qdrant:
        await qdrant.create()
        points = [{"id": id, "vector": SPARSE, "payload": payload} for id, payload in enumerate(payloads)]
        await qdrant.upsert(points[:30])
        await qdrant.upsert(points[30:])
        for _ in range(FILTERS):
            filter = some_filter(of)
            wanted = [id for id, payload in enumerate(payloads) if matches(filter, id, payload)]
            assert await scrolled(qdrant, filter) == wanted, filter
            sizes.add(len(wanted))
    assert len(sizes) > 25


async def test_points_on_earth(served):
    places = {0: {"lat": 52.52, "lon": 13.4}, 1: [{"lat": 48.85, "lon": 2.35}, {"lat": 0, "lon": 0}]}
    circle = {"center": {"lat": 52.5, "lon": 13.4}, "radius": 5000.0}
    box = {"top_left": {"lat": 1, "lon": -1}, "bottom_right": {"lat": -1, "lon": 1}}
    async with served() as qdrant:
        await qdrant.create()
        for id, place in places.items():  # the column of single points is there before the list
            await qdrant.upsert([{"id": id, "vector": SPARSE, "payload": {"at": place}}])
        for condition, wanted in (
            ({"key": "at", "geo_radius": circle}, [0]),
            ({"key": "at", "geo_bounding_box": box}, [1]),
            ({"key": "no", "geo_radius": circle}, []),
            ({"key": "at.lat", "range": {"gt": 50}}, [0]),
        ):
            assert await scrolled(qdrant, {"must": condition}) == wanted
        wrong = {"points": [{"id": 2, "vector": SPARSE, "payload": {"at": "Berlin"}}]}
        words = await qdrant.error("PUT", "/collections/c/points", wrong)
        assert "key 'at': found a string ('Berlin'), expected a point" in words


async def test_nested_conditions_on_objects_of_lists(served):
    authors = [[{"name": "A"}], [{"name": "B"}, {"name": "C"}], []]
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": id, "vector": SPARSE, "payload": {"authors": of}} for id, of in enumerate(authors)])
        of_one = {"must": [{"key": "name", "match": {"any": ["C", "D"]}}]}
        assert await scrolled(qdrant, {"must": [{"nested": {"key": "authors[]", "filter": of_one}}]}) == [1]
