"""Random points, filters and changes have the same outcome as in qdrant-client's own local mode."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from tests.integrations.serving import PATIENCE, serve

POINTS, FILTERS = 120, 300
UUIDS = [f"6ba7b810-9dad-11d1-80b4-00c04fd43{number:03d}" for number in range(30)]
KEYS = ["lang", "year", "price", "ok", "tags", "meta.lang", "meta.page", "authors[].name", "day", "place", "nothing"]


def payload(of: random.Random) -> dict[str, Any]:
    """A payload with some of the keys."""
    choices: dict[str, Any] = {
        "lang": of.choice(["en", "de", "fr", None, ["en", "de"], []]),
        "year": of.randint(2000, 2009),
        "price": of.choice([0.5, 1.5, 2.25, 10.0]),
        "ok": of.random() < 0.5,
        "tags": of.choice([["a"], ["a", "b"], ["b", "c"], [], "c"]),
        "meta": of.choice([{"lang": of.choice(["en", "de"]), "page": of.randint(1, 5)}, {"page": None}, {}, None]),
        "authors": [{"name": of.choice("ABC"), "born": of.randint(1900, 1999)} for _ in range(of.randint(0, 3))],
        "day": of.choice(["2024-05-01", "2024-06-01T12:00:00Z", "2023-01-01", "unknown"]),
        "place": {"lon": of.uniform(-10, 10), "lat": of.uniform(-10, 10)},
    }
    return {key: value for key, value in choices.items() if of.random() < 0.8}


def sparse(of: random.Random) -> models.SparseVector:
    indices = of.sample([0, 1, 2, 3, 5, 8, 70_000, 2_000_000_000], of.randint(1, 6))
    return models.SparseVector(indices=indices, values=[of.choice([0.25, 0.5, 1.0, 2.0]) for _ in indices])


def condition(of: random.Random) -> models.Condition:
    """A condition that means the same here and there."""
    match of.randint(0, 10):
        case 0:
            key, value = of.choice([("lang", "en"), ("year", 2003), ("ok", True), ("meta.lang", "de"), ("tags", "b")])
            return models.FieldCondition(key=key, match=models.MatchValue(value=value))
        case 1:
            key, values = of.choice([("lang", ["en", "fr"]), ("year", [2001, 2002]), ("authors[].name", ["A", "B"])])
            return models.FieldCondition(key=key, match=models.MatchAny(any=values))
        case 2:
            return models.FieldCondition(key="meta.lang", match=models.MatchExcept(**{"except": ["en"]}))
        case 3:
            key = of.choice(["year", "price", "meta.page", "authors[].born", "lang"])
            return models.FieldCondition(key=key, range=models.Range(gte=of.randint(1, 2005), lt=of.choice([5, 2008])))
        case 4:
            after = of.choice(["2024-01-01T00:00:00Z", "2023-06-01T00:00:00Z"])
            return models.FieldCondition(key="day", range=models.DatetimeRange(gt=after))
        case 5:
            return models.IsEmptyCondition(is_empty=models.PayloadField(key=of.choice(KEYS)))
        case 6:
            return models.IsNullCondition(is_null=models.PayloadField(key=of.choice(KEYS)))
        case 7:
            return models.HasIdCondition(has_id=[*of.sample(range(POINTS), 20), *of.sample(UUIDS, 5)])
        case 8:
            center = models.GeoPoint(lon=of.uniform(-5, 5), lat=of.uniform(-5, 5))
            return models.FieldCondition(key="place", geo_radius=models.GeoRadius(center=center, radius=500_000.0))
        case 9:
            born = models.FieldCondition(key="born", range=models.Range(gte=1950))
            nested = models.Nested(key="authors", filter=models.Filter(must=[born]))
            return models.NestedCondition(nested=nested)
        case _:
            box = models.GeoBoundingBox(
                top_left=models.GeoPoint(lon=-5.0, lat=5.0), bottom_right=models.GeoPoint(lon=5.0, lat=-5.0)
            )
            return models.FieldCondition(key="place", geo_bounding_box=box)


def some_filter(of: random.Random, depth: int = 2) -> models.Filter:
    def several(most: int) -> list[Any]:
        return [
            some_filter(of, depth - 1) if depth > 1 and of.random() < 0.2 else condition(of)
            for _ in range(of.randint(0, most))
        ]

    conditions = several(3)
    least = models.MinShould(conditions=conditions, min_count=of.randint(1, 2)) if of.random() < 0.2 else None
    return models.Filter(must=several(1), should=several(2), must_not=several(1), min_should=least)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[QdrantClient, QdrantClient]]:
    """The service, and the local mode, with the same points."""
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant") as service:
        clients = QdrantClient(url=f"{service.url}/qdrant", timeout=PATIENCE), QdrantClient(":memory:")
        of = random.Random(1)
        points = [
            models.PointStruct(id=id, vector={"s": sparse(of)}, payload=payload(of))
            for id in [*range(POINTS - len(UUIDS)), *UUIDS]
        ]
        for client in clients:
            client.create_collection("c", vectors_config={}, sparse_vectors_config={"s": models.SparseVectorParams()})
            client.upsert("c", points)
        yield clients


def scrolled(client: QdrantClient, filter: models.Filter | None = None) -> list[Any]:
    page, offset = client.scroll("c", scroll_filter=filter, limit=1000, with_payload=True)
    assert offset is None
    return page


def by_score(points: list[models.ScoredPoint]) -> dict[int, set[Any]]:
    """Return the ids by score, in units of all sums of products here: stored weights have 16 bits."""
    groups: dict[int, set[Any]] = {}
    for point in points:
        groups.setdefault(round(64 * point.score), set()).add(point.id)
    return groups


def test_filters(both: tuple[QdrantClient, QdrantClient]) -> None:
    ours, theirs = both
    of, sizes = random.Random(2), set()
    for _ in range(FILTERS):
        filter = some_filter(of)
        found, wanted = scrolled(ours, filter), scrolled(theirs, filter)
        assert {point.id for point in found} == {point.id for point in wanted}, filter
        assert ours.count("c", count_filter=filter) == theirs.count("c", count_filter=filter)
        sizes.add(len(wanted))
    assert len(sizes) > 20


def test_payloads_come_back_as_they_were_given(both: tuple[QdrantClient, QdrantClient]) -> None:
    ours, theirs = ({point.id: point.payload for point in scrolled(client)} for client in both)
    assert ours == theirs


def test_pages_from_any_id(both: tuple[QdrantClient, QdrantClient]) -> None:
    ours, theirs = both
    for offset in (None, 0, 7, 88, 1000, UUIDS[0], UUIDS[-1], UUIDS[7].replace("-", "")):
        pages = [client.scroll("c", limit=7, offset=offset, with_payload=False) for client in (ours, theirs)]
        assert [point.id for point in pages[0][0]] == [point.id for point in pages[1][0]], offset
        assert pages[0][1] == pages[1][1]


def test_queries(both: tuple[QdrantClient, QdrantClient]) -> None:
    ours, theirs = both
    of = random.Random(3)
    for _ in range(60):
        filter = some_filter(of) if of.random() < 0.5 else None
        query: Any = sparse(of) if of.random() < 0.8 else of.choice([*range(50), *UUIDS])
        threshold = of.choice([None, 1.0])
        options = {"using": "s", "query_filter": filter, "limit": 1000, "score_threshold": threshold}
        found, wanted = (client.query_points("c", query=query, **options).points for client in (ours, theirs))
        assert by_score(found) == by_score(wanted)


def test_facets_groups_and_orders(both: tuple[QdrantClient, QdrantClient]) -> None:
    ours, theirs = both
    query = models.SparseVector(indices=[0, 1, 2, 3, 5, 8], values=[1.0] * 6)
    for key in ("year", "lang", "tags", "ok", "authors[].name"):
        found, wanted = (client.facet("c", key=key, limit=100).hits for client in (ours, theirs))
        assert {hit.value: hit.count for hit in found} == {hit.value: hit.count for hit in wanted}, key
    found, wanted = (
        client.query_points_groups("c", group_by="year", query=query, using="s", limit=10, group_size=200).groups
        for client in (ours, theirs)
    )
    assert {one.id: by_score(one.hits) for one in found} == {one.id: by_score(one.hits) for one in wanted}
    for order in (
        models.OrderBy(key="price"),
        models.OrderBy(key="year", direction=models.Direction.DESC, start_from=2005),
    ):
        pages = [client.scroll("c", limit=1000, order_by=order)[0] for client in (ours, theirs)]
        assert len(pages[0]) == len(pages[1])
        values = [[point.payload[order.key] for point in page] for page in pages]
        assert values[0] == values[1]


def test_changes(both: tuple[QdrantClient, QdrantClient]) -> None:
    """Every change of payloads and vectors, by ids and by filters. Runs last, as it changes the points."""
    ours, theirs = both
    of = random.Random(4)
    for _ in range(60):
        ids = of.sample([*range(POINTS - len(UUIDS)), *UUIDS], 5)
        chosen: Any = ids if of.random() < 0.5 else models.Filter(must=[models.HasIdCondition(has_id=ids)])
        values = payload(of)
        change = of.randint(0, 5)
        for client in (ours, theirs):
            if change == 0:
                client.set_payload("c", values, chosen)
            elif change == 1:
                client.overwrite_payload("c", values, chosen)
            elif change == 2:
                client.delete_payload("c", ["lang", "meta.page", "authors[].born"], chosen)
            elif change == 3:
                client.clear_payload("c", chosen)
            elif change == 4:
                client.set_payload("c", {"page": 3, "new": {"x": [1]}}, chosen, key="meta")
            else:
                client.update_vectors("c", [models.PointVectors(id=ids[0], vector={"s": SPARSE})])
    for client in (ours, theirs):
        client.delete("c", [0, UUIDS[1]])
        client.delete("c", models.Filter(must=[models.FieldCondition(key="year", match=models.MatchValue(value=2003))]))
    found, wanted = ({point.id: point.payload for point in scrolled(client)} for client in both)
    assert found == wanted
    filters = [some_filter(of) for _ in range(50)]
    for filter in filters:
        assert ours.count("c", count_filter=filter) == theirs.count("c", count_filter=filter), filter
    found, wanted = (client.query_points("c", query=SPARSE, using="s", limit=1000).points for client in (ours, theirs))
    assert by_score(found) == by_score(wanted)


SPARSE = models.SparseVector(indices=[1, 2_000_000_000], values=[1.0, 0.5])
