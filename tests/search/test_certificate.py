"""Exactness and its certificate against naive scores, over shards, changes, deletions and filters."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SearchParams, SearchRequest
from tests import naive, samples
from tests.filters.test_filters import BUILDS, Collection, build, filters, queries
from tests.naive import Row


@pytest.fixture(scope="module", params=BUILDS, ids=lambda param: param[0])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    made = build(tmp_path_factory.mktemp("certificate") / "index", *request.param)
    yield made
    made.index.close()


def scores_in_scope(collection: Collection, query: Row, wanted: dict[str, Any]) -> dict[int, float]:
    matching = set(collection.matching(wanted))
    return {number: score for number, score in naive.matches(collection.rows, query).items() if number in matching}


def blocks_of(collection: Collection) -> list[list[int]]:
    """Return the document numbers of each block of all shards."""
    view = collection.index.view
    return [
        (shard.shard.shared.numbers[at : at + 8] + first).tolist()
        for shard, first in zip(view.shards, view.firsts, strict=False)
        for at in range(0, len(shard), 8)
    ]


@given(wanted=filters | st.just({}), query=queries, k=st.sampled_from([1, 3, 10, 1000]), threshold=st.booleans())
def test_no_skipped_block_reaches_the_kth_score(
    collection: Collection, wanted: dict[str, Any], query: Row, k: int, threshold: bool
) -> None:
    scores = scores_in_scope(collection, query, wanted)
    least = sorted(scores.values())[len(scores) // 2] if threshold and scores else None
    request = SearchRequest(query=samples.as_query(query), limit=k, filter=wanted, explain=True, score_threshold=least)
    answer = collection.index.ask(request)
    assert answer.exact == (collection.layout != "small")
    assert answer.explanation is not None
    certificate = answer.explanation.certificate
    assert certificate is not None
    needed = answer.hits[-1].score if len(answer.hits) == k else least or 0.0
    assert certificate.kth == needed >= certificate.bound
    assert needed == pytest.approx(naive.best_first(scores.items(), k)[-1][1] if len(answer.hits) == k else needed)
    found = {hit.number for hit in answer.hits}
    assert all(score <= needed * (1 + 1e-5) for number, score in scores.items() if number not in found) or not needed
    if not needed:
        assert found == set(scores)
    blocks = blocks_of(collection)
    assert certificate.blocks_visited + certificate.blocks_skipped == len(blocks)
    best = [max((scores.get(number, 0.0) for number in block), default=0.0) for block in blocks]
    assert sum(score > certificate.bound * (1 + 1e-5) for score in best) <= certificate.blocks_visited


@pytest.mark.parametrize(
    ("params", "exact"),
    [
        ({}, True),
        ({"plan": "exact"}, True),
        ({"recall": 0.5}, True),  # nothing was measured
        ({"heap_factor": 0.5}, True),
        ({"heap_factor": 1.5}, False),
        ({"bound_share": 0.5}, False),
    ],
)
def test_which_answers_are_exact(collection: Collection, params: dict[str, Any], exact: bool) -> None:
    if collection.layout == "small":
        params = params | ({"recall": 0.1} if "recall" in params else {})  # it keeps less
    request = SearchRequest(query=samples.as_query({1: 1.0}), params=SearchParams(**params), explain=True)
    answer = collection.index.ask(request)
    assert answer.exact == (exact and collection.layout != "small")
    assert answer.explanation is not None
    assert (answer.explanation.certificate is None) == ("bound_share" in params)


def test_the_plan_lists_has_no_certificate(collection: Collection) -> None:
    if collection.layout != "lists":
        pytest.skip("needs lists")
    request = SearchRequest(query=samples.as_query({1: 1.0}), params=SearchParams(plan="lists"), explain=True)
    answer = collection.index.ask(request)
    assert not answer.exact
    assert answer.explanation is not None
    assert answer.explanation.certificate is None
    narrow = collection.index.ask(request.replace(filter={"lang": "en"}))
    assert narrow.exact  # since the plan is not used under a filter
    assert narrow.explanation is not None
    assert narrow.explanation.certificate is not None


def test_groups_are_exact_but_have_no_certificate(collection: Collection) -> None:
    request = SearchRequest(query=samples.as_query({1: 1.0}), group_by={"key": "lang"}, explain=True)
    answer = collection.index.ask(request)
    assert answer.exact == (collection.layout != "small")
    assert answer.explanation is not None
    assert answer.explanation.certificate is None


def test_a_limit_of_0_counts_and_searches_nothing(collection: Collection) -> None:
    query, wanted = samples.as_query({1: 1.0, 2: 0.5}), {"lang": ["en", "de"]}
    facets = [{"key": "lang"}, {"key": "author.name"}, {"key": "people.tags"}]
    full = collection.index.ask(SearchRequest(query=query, filter=wanted, facets=facets))
    for more in ({}, {"feedback": {}}, {"explain": True}, {"offset": 3}, {"score_threshold": 0.5}):
        answer = collection.index.ask(SearchRequest(query=query, filter=wanted, facets=facets, limit=0, **more))
        assert (answer.hits, answer.facets, answer.matched) == ([], full.facets, full.matched)
        assert (answer.warnings, answer.stats.documents_scored) == ((), 0)
    assert collection.index.search(query, 0) == collection.index.answer(query, 0, filter=wanted).hits == []
    numbers, scores = collection.index.search_batch([query, query], 0)
    assert numbers.shape == scores.shape == (2, 0)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("author.name", lambda document: [(document["author"] or {}).get("name")]),
        ("author.born.day", lambda document: [((document["author"] or {}).get("born") or {}).get("day")]),
        (
            "people.tags",
            lambda document: [t for one in document["people"] or [] for t in (one or {}).get("tags") or []],
        ),
        ("a.b", lambda document: [document["a.b"]]),
    ],
)
def test_facets_of_struct_fields(collection: Collection, key: str, values: Any) -> None:
    query = dict.fromkeys(range(samples.NARROW), 1.0)
    request = SearchRequest(query=samples.as_query(query), limit=0, facets=[{"key": key, "limit": 100}])
    answer = collection.index.ask(request)
    assert answer.facets is not None
    expected: dict[Any, int] = {}
    for number in scores_in_scope(collection, query, {}):
        for value in {*values(collection.documents[number])} - {None}:
            expected[value] = expected.get(value, 0) + 1
    assert {facet.value: facet.count for facet in answer.facets[key]} == expected
