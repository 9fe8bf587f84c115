"""Documents and facets without a query, against a naive copy of a changed collection."""

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from seismic import OrderBy, ParameterError, QueryError, SearchRequest
from tests import samples
from tests.filters.test_filters import BUILDS, Collection, build, filters


@pytest.fixture(scope="module", params=BUILDS, ids=lambda param: param[0])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    made = build(tmp_path_factory.mktemp("listing") / "index", *request.param)
    yield made
    made.index.close()


def ids_of(collection: Collection, wanted: dict[str, Any]) -> list[str]:
    documents = (collection.documents[number] for number in collection.matching(wanted))
    return sorted(document["id"] for document in documents if document)


@given(wanted=filters)
def test_documents_by_id_and_facets_of_all_of_them(collection: Collection, wanted: dict[str, Any]) -> None:
    ids, facets = ids_of(collection, wanted), [{"key": "lang", "limit": 100}, {"key": "tags"}]
    answer = collection.index.ask(SearchRequest(filter=wanted, limit=1000, facets=facets))
    assert [hit.id for hit in answer.hits] == ids
    assert {hit.score for hit in answer.hits} <= {0.0}
    assert (answer.matched, answer.warnings, answer.exact) == (len(ids), (), True)
    counts = Counter(collection.documents[number]["lang"] for number in collection.matching(wanted))  # type: ignore[index]
    del counts[None]
    assert {facet.value: facet.count for facet in answer.facets["lang"]} == counts  # type: ignore[index]
    page = collection.index.ask(SearchRequest(filter=wanted, limit=3, offset=2))
    assert [hit.id for hit in page.hits] == ids[2:5]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", ["year", "cost", "author.born.year", "author.name", r"a\.b", "day"])
def test_documents_in_the_order_of_a_column(collection: Collection, key: str, direction: Any) -> None:
    scrolled = collection.index.scroll(limit=1000, order_by=OrderBy(key=key, direction=direction)).documents
    answer = collection.index.ask(SearchRequest(limit=1000, order_by=OrderBy(key=key, direction=direction)))
    assert [hit.id for hit in answer.hits] == [document.id for document in scrolled]
    values = [_value(document.payload, key) for document in scrolled]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=direction == "desc")
    assert values == known + [None] * (len(values) - len(known))
    assert len(values) == len(collection.index)
    firsts = [(_value(document.payload, key), document.id) for document in scrolled]
    assert all(one[1] < other[1] for one, other in itertools.pairwise(firsts) if one[0] == other[0])


def _value(payload: dict[str, Any], key: str) -> Any:
    if key == r"a\.b":
        return payload["a.b"]
    value: Any = payload
    for name in key.split("."):
        value = None if value is None else value[name]
    return value


def test_listings_and_searches_of_a_batch(collection: Collection) -> None:
    query = samples.as_query({1: 1.0})
    requests = [SearchRequest(limit=2), SearchRequest(query=query), SearchRequest(limit=0, facets=[{"key": "lang"}])]
    listed, found, counted = collection.index.search_many(requests)
    assert [hit.id for hit in listed.hits] == ids_of(collection, {})[:2]
    assert found.hits == collection.index.search(query)
    assert sum(facet.count for facet in counted.facets["lang"]) > 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explain": True}, "without a query, found explain"),
        ({"group_by": {"key": "lang"}, "feedback": {}}, "without a query, found feedback and group_by"),
        ({"order_by": {"key": "tags"}}, "order_by.key: column 'tags' is list<item: string>, expected a column of"),
        ({"order_by": {"key": "people.name"}}, "order_by.key: column 'people.name' is list<item: string>, expected a "),
        ({"order_by": {"key": "author.x"}}, "order_by.key: unknown field 'x' of 'author', which has name, born"),
        ({"query": {1: 1.0}, "order_by": {"key": "year"}}, "order_by orders documents without a query"),
    ],
)
def test_what_needs_a_query(collection: Collection, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        collection.index.ask(SearchRequest(**options))
    assert message in str(caught.value)


def test_a_search_needs_a_query(collection: Collection) -> None:
    for search in (collection.index.search, collection.index.answer):
        with pytest.raises(QueryError, match="found None, expected a"):
            search(None, 3)
        with pytest.raises(QueryError, match="found None, expected a"):
            search(None, 3, filter={})


@given(wanted=filters)
def test_matches_of_a_query_are_counted(collection: Collection, wanted: dict[str, Any]) -> None:
    query = {"indices": [0, 2, 5], "values": [1.0, 0.5, 2.0]}
    hits = collection.index.ask(SearchRequest(query=query, filter=wanted, limit=1000)).hits
    assert collection.index.count_matches(query, wanted) == len(hits)
