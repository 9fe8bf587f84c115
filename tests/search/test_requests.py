"""Requests of every kind against a naive copy of a changed collection: shards, replaced, deleted and new documents."""

from typing import Any

import numpy as np
import pytest

from seismic import Answer, FilterError, GroupBy, ParameterError, QueryError, SearchParams, SearchRequest, Vocabulary
from tests import naive, samples
from tests.changed import Changed, changed, query_rows
from tests.naive import Row

QUERIES = query_rows()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    return changed(tmp_path_factory.mktemp("changed"), vocabulary=Vocabulary(f"w{number}" for number in range(60)))


def ask(there: Changed, query: Any, **options: Any) -> Answer:
    return there.index.ask(SearchRequest(query=query, **options))


def assert_hits(answer: Answer, expected: list[tuple[str, float]]) -> None:
    """Check for the same scores; documents may only swap places where their scores are equal in float32."""
    assert [hit.score for hit in answer.hits] == pytest.approx([score for _, score in expected], rel=1e-5)
    for hit, (id, score) in zip(answer.hits, expected, strict=True):
        assert hit.id == id or hit.score == pytest.approx(score, rel=1e-6)


@pytest.mark.parametrize("row", range(len(QUERIES)))
def test_pages_tile(there: Changed, row: int) -> None:
    query = samples.as_query(QUERIES[row])
    whole = there.index.search(query, 1000)
    assert_hits(Answer(whole, "exact", None, ()), there.ranking(QUERIES[row]))  # type: ignore[arg-type]
    pages = [ask(there, query, offset=offset, limit=7).hits for offset in range(0, len(whole) + 7, 7)]
    assert [hit for page in pages for hit in page] == whole
    assert pages[-1] == []


@pytest.mark.parametrize("plan", ["exact", "lists"])
@pytest.mark.parametrize("limit", [3, 1000])
def test_a_threshold_keeps_what_reaches_it(there: Changed, plan: Any, limit: int) -> None:
    params = SearchParams(plan=plan, **({"query_cut": 1000, "heap_factor": 1e-9} if plan == "lists" else {}))
    for row in QUERIES:
        query = samples.as_query(row)
        whole = there.index.search(query, 1000)
        for least in (0.0, whole[5].score, float(np.nextafter(whole[5].score, 99)), whole[-1].score, 1e9):
            found = ask(there, query, limit=limit, score_threshold=least, params=params).hits
            assert found == [hit for hit in whole if hit.score >= least][:limit]


def test_a_page_of_what_reaches_a_threshold(there: Changed) -> None:
    query = samples.as_query(QUERIES[0])
    whole = there.index.search(query, 20)
    assert ask(there, query, offset=2, limit=5, score_threshold=whole[4].score).hits == whole[2:5]


@pytest.mark.parametrize("id", ["d10", "d200", "d290"])
def test_like_a_document(there: Changed, id: str) -> None:
    expected = there.ranking(there.rows[id], frozenset([id]))
    assert_hits(ask(there, {"id": id}, limit=9), expected[:9])
    assert_hits(ask(there, {"positive": [id]}, limit=9, offset=9), expected[9:18])


def test_few_hits_like_a_document_are_told(there: Changed) -> None:
    answer = ask(there, {"id": "d10"}, filter={"must": [{"ids": ["d10", "d11", "d12"]}]})
    which = "share a component with the query and are none of its examples"
    assert answer.warnings == (f"3 documents match the filter, and only {len(answer.hits)} of them {which}",)


def rocchio(positive: list[Row], negative: list[Row]) -> Row:
    total: Row = {}
    for rows, weight in ((positive, 1.0), (negative, -0.5)):
        for row in rows:
            for component, value in row.items():
                total[component] = total.get(component, 0) + weight * value / len(rows)
    return {component: weight for component, weight in total.items() if weight > 1e-15}


def test_like_these_and_unlike_those(there: Changed) -> None:
    positive, negative = ["d10", "d200"], ["d290", "d11"]
    vector: Row = {3: 1.5, 7: 0.25}
    query = {"positive": [*positive, samples.as_query(vector)], "negative": [*negative, {"tokens": {"w2": 3.0}}]}
    row = rocchio([there.rows[id] for id in positive] + [vector], [there.rows[id] for id in negative] + [{2: 3.0}])
    expected = there.ranking(row, frozenset(positive + negative))
    assert_hits(ask(there, query, limit=1000), expected)
    assert ask(there, query).hits == ask(there, query, limit=1000).hits[:10]


def test_what_cancels_out_matches_nothing(there: Changed) -> None:
    answer = ask(there, {"positive": [samples.as_query({3: 1.0})], "negative": [samples.as_query({3: 2.0})]})
    assert (answer.hits, answer.warnings) == ([], ("the query is empty, so nothing matches",))


def test_unknown_parts_of_examples_are_named(there: Changed) -> None:
    answer = ask(there, {"positive": [{"tokens": {"w1": 1.0, "zebra": 1.0}}], "negative": [{"tokens": {"zebra": 2}}]})
    assert answer.unknown == ("zebra",)
    assert len(answer.hits) == 10


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"id": "d7000"}, "id: found no document 'd7000'"),
        ({"id": "d0"}, "id: found no document 'd0'"),  # deleted
        ({"id": 7}, "id: ids: found 7, expected a string, as ids"),
        ({"id": 10**30}, "id: ids: found 1000.*, expected a string"),
        ({"id": None}, "id: "),
        ({"id": "d10", "positive": ["d11"]}, "found id, positive, expected"),
        ({"positive": []}, "positive: found no example, expected at least one"),
        ({"negative": ["d10"]}, "positive: found no example, expected at least one"),
        ({"positive": "d10"}, "positive: found a str, expected a list"),
        ({"positive": ["d10"], "negative": ["d0"]}, "negative: found no document 'd0'"),
        ({"positive": ["d10", 7]}, "positive: "),
        ({"positive": ["d10"] * 1001}, "positive: found 1001 examples, expected at most 1000"),
        ({"positive": ["d10", {"indices": [1], "values": [-1]}]}, "positive 1: values: found -1"),
        ({"positive": ["d10", {"id": "d11"}]}, "positive 1: found id, expected"),
        ({"positive": ["d10", {"text": "planet"}]}, "positive 1: text: "),
        ({"positive": ["d10"], "negative": [{"text": "x"}] * 17}, "negative: found 17 texts, expected at most 16"),
    ],
)
def test_wrong_examples(there: Changed, query: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        ask(there, query)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": -1}, "'limit'"),
        ({"offset": -1}, "'offset'"),
        ({"offset": 1.5}, "'offset'"),
        ({"score_threshold": -1}, "'score_threshold'"),
        ({"score_threshold": float("nan")}, "'score_threshold'"),
        ({"ofset": 1}, "unknown parameter 'ofset'; SearchRequest has query, limit"),
    ],
)
def test_wrong_requests(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        SearchRequest(query={"id": "d10"}, **options)


def test_a_batch_is_its_requests_one_by_one(there: Changed) -> None:
    queries: list[Any] = [samples.as_query(row) for row in QUERIES]
    nope = {"key": "nope", "match": {"value": 1}}
    requests = [SearchRequest(query=query) for query in queries]
    requests += [SearchRequest(query=query, limit=3, offset=at) for at, query in enumerate(queries)]
    requests += [SearchRequest(query={"id": "d10"}), SearchRequest(query={"indices": [], "values": []})]
    requests += [SearchRequest(query=query, score_threshold=2.0) for query in queries[:3]]
    papers = {"must": [{"key": "source", "match": {"value": "paper"}}]}
    requests += [SearchRequest(query=query, filter=dict(papers)) for query in queries[:3]]
    requests += [SearchRequest(query=query, params=SearchParams(plan="lists", query_cut=4)) for query in queries]
    assert there.index.search_many(requests) == [there.index.ask(request) for request in requests]
    assert there.index.search_many([]) == []
    assert there.index.search_many(requests * 10, threads=2) == there.index.search_many(requests * 10)
    with pytest.raises(QueryError, match=r"searches\[2\]: id: found no document 'nope'"):
        there.index.search_many([*requests[:2], SearchRequest(query={"id": "nope"})])
    with pytest.raises(FilterError, match=r"searches\[1\].filter.must\[0\].key: unknown column 'nope'"):
        there.index.search_many([requests[0], SearchRequest(query=queries[0], filter={"must": [nope]})])


def test_stored_vectors(there: Changed) -> None:
    ids = ["d290", "d3", "d200", "d150", "d3"]
    vectors = there.index.vectors(there.index.find(ids))
    for row, id in zip(naive.rows(vectors), ids, strict=True):
        assert row == pytest.approx(there.rows[id], rel=1e-6)
    assert len(there.index.vectors([])) == 0
    for number in (-1, 10**6):
        with pytest.raises(ParameterError, match=f"found document number {number}, expected 0 to"):
            there.index.vectors([0, number])
        with pytest.raises(ParameterError, match=f"found document number {number}, expected 0 to"):
            there.index.payloads([0, number])


def test_replacing_keeps_what_was_given() -> None:
    request = SearchRequest(query=samples.random_vectors(1), group_by=GroupBy(key="source")).replace(explain=True)
    assert request.explain
    assert request.group_by is not None
    assert request.model_fields_set == {"query", "group_by", "explain"}


def test_the_short_way_finds_the_hits_of_the_long_way(there: Changed) -> None:
    rows: list[Any] = [*map(samples.as_query, QUERIES), {"indices": [], "values": []}, {"id": "d4"}]
    rows += [{"positive": ["d4", "d9"], "negative": ["d2"]}, samples.as_query({1000: 1.0})]
    for query in rows:
        for k in (1, 7, 500):
            for params in (
                None,
                SearchParams(bound_share=0.7),
                SearchParams(recall=0.9),
                SearchParams(timeout_ms=600_000),
            ):
                assert there.index.search(query, k, params=params) == there.index.answer(query, k, params=params).hits
