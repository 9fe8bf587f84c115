"""Simple requests are answered as all others are, by a shorter way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

import seismic
from seismic import BuildParams, Index, QueryError, SearchParams, SearchRequest, SparseVectors
from seismic.errors import StoppedError
from seismic.search.simple import is_simple
from seismic.search.workspaces import MOST_TERMS
from seismic.stop import Stop, stoppable_by

QUERY = {"indices": [1, 5, 9, 30], "values": [1.0, 0.25, 2.0, 0.5]}
WORDS = {"tokens": {"w5": 1.0, "w7": 2.0, "unheard": 1.0}}
DIMENSION, DOCUMENTS = 40, 900


@pytest.fixture(scope="module", params=["shared", "small", "lists", "changed", "deleted", "shards"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """One shard in three layouts, of which `small` is always searched by block bounds; one shard with deleted
    documents; and several shards, from a build and after changes."""
    rng = np.random.default_rng(5)
    rows = [
        {int(one): float(rng.random() + 0.1) for one in rng.choice(DIMENSION - 1, 6, replace=False)}
        for _ in range(DOCUMENTS)
    ]
    vectors = SparseVectors.from_dicts(rows, DIMENSION)
    documents = pa.table({"id": [f"d{row}" for row in range(DOCUMENTS)], "year": [row % 7 for row in range(DOCUMENTS)]})
    folder = tmp_path_factory.mktemp("simple") / "c"
    layout: Any = {"lists": "lists", "shared": "shared", "changed": "shared"}.get(request.param, "small")
    vocabulary = [f"w{row}" for row in range(DIMENSION)]
    shards = 3 if request.param == "shards" else 1
    params = BuildParams(layout=layout)
    seismic.build(vectors, folder, documents=documents, vocabulary=vocabulary, params=params, shards=shards)
    if request.param == "deleted":
        seismic.delete(folder, [f"d{row}" for row in range(0, DOCUMENTS, 3)])
    if request.param == "changed":
        seismic.upsert(folder, vectors.slice(0, 50), documents.slice(25, 50))
        seismic.delete(folder, ["d3", "d4"])
    return seismic.open(folder)


FIELDS: list[dict[str, Any]] = [
    {},
    {"limit": 3, "offset": 2},
    {"limit": 20},
    {"limit": 1},
    {"limit": 100},
    {"limit": DOCUMENTS + 100},
    {"offset": DOCUMENTS - 2, "limit": 10},
    {"params": SearchParams(recall=0.9)},
    {"params": SearchParams(timeout_ms=600_000)},
    {"params": SearchParams(heap_factor=1.5)},
    {"params": SearchParams(plan="exact", bound_share=0.8)},
    {"query": WORDS},
    {"query": {"indices": [9, 1], "values": [1, 2]}},
    {"query": {3: 1.0, 50: 1.0}},
    {"query": {"indices": [39], "values": [1.0]}},
    {"query": {"indices": [], "values": []}},
    {"query": {"indices": [77], "values": [1.0]}},
    {"query": {"id": "d7"}},
    {"query": {"positive": ["d7", QUERY], "negative": ["d8"]}, "limit": 4, "offset": 1},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_the_answer_is_that_of_the_long_way(index: Index, fields: dict[str, Any]) -> None:
    request = SearchRequest(**{"query": QUERY, **fields})
    assert is_simple(request)
    short, (expected, _) = index.ask(request), index.search_many([request, request])
    assert short == expected
    assert all(type(one) is type(other) for one, other in zip(short, expected, strict=True))
    other = SearchRequest(**{**fields, "query": {"indices": [2], "values": [1.0]}})
    assert index.ask_with(other, request.query) == expected
    assert index.search(request.query, request.limit, params=request.params) == (
        index.search_many([request.model_copy(update={"offset": 0})] * 2)[0].hits
    )


def test_the_plan_lists(index: Index) -> None:
    if index.manifest.layout == "lists":
        request = SearchRequest(query=QUERY, params=SearchParams(plan="lists"))
        assert index.ask(request) == index.search_many([request] * 2)[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0},
        {"explain": True},
        {"score_threshold": 2.0},
        {"filter": {"must": [{"key": "id", "match": {"value": "d1"}}]}},
        {"facets": [{"key": "year"}]},
        {"group_by": {"key": "year"}},
        {"feedback": {}},
        {"fusion": {"runs": [{"hits": [{"id": "d1", "score": 1.0}]}]}},
    ],
    ids=str,
)
def test_other_requests_with_another_query(index: Index, fields: dict[str, Any]) -> None:
    request = SearchRequest(**{"query": {"indices": [2], "values": [1.0]}, **fields})
    assert not is_simple(request)
    assert index.ask_with(request, QUERY) == index.ask(request.model_copy(update={"query": QUERY}))


@pytest.mark.parametrize(
    "query",
    [
        {"indices": [1, 1], "values": [1.0, 1.0]},
        {"indices": [1], "values": [float("nan")]},
        {"indices": [2, 1, 3], "values": [1.0, float("nan"), 1.0]},
        {"indices": [1], "values": [-1.0]},
        {"indices": [1], "values": [1e300]},
        {"indices": [-1], "values": [1.0]},
        {"indices": [1.5], "values": [1.0]},
        {"indices": [1, 2], "values": [1.0]},
        {"indices": [1], "values": ["x"]},
        {"indices": [True], "values": [1.0]},
        {"indices": [1 << 40, 3, 3], "values": [1.0, 1.0, 1.0]},
        {"indices": [1, 2], "values": [float("nan"), 1.0]},
        {"indices": [1], "values": [0.0]},
        {"indices": [1], "values": [10**400]},
    ],
    ids=str,
)
def test_wrong_queries_are_refused_alike(index: Index, query: dict[str, Any]) -> None:
    for _ in range(3):
        index.search(QUERY)  # from the third search on, lists are checked by the kernel
    with pytest.raises(QueryError) as short:
        index.search(query)
    with pytest.raises(QueryError) as long_way:
        index.search_many([SearchRequest(query=query)] * 2)
    assert str(long_way.value).endswith(str(short.value))


def test_results_do_not_share_memory(index: Index) -> None:
    """The arrays of a search are used again by the next."""
    first = index.ask(SearchRequest(query=QUERY))
    before = list(first.hits), first.stats
    index.ask(SearchRequest(query={"indices": [2, 3], "values": [1.0, 5.0]}))
    assert (first.hits, first.stats) == before


def test_held_arrays_give_the_same_answers(index: Index) -> None:
    """From the second search of a depth on, Numba unpacks the arrays of a shard no more."""
    rng = np.random.default_rng(8)
    queries = [
        {"indices": sorted(rng.choice(DIMENSION, 5, replace=False).tolist()), "values": rng.random(5).tolist()}
        for _ in range(6)
    ]
    for params in (SearchParams(), SearchParams(heap_factor=1.2), SearchParams(bound_share=0.8)):
        for k in (3, 7, 3):
            requests = [SearchRequest(query=query, limit=k, params=params) for query in queries]
            assert [index.ask(request) for request in requests] == index.search_many(requests)


QUERY_ARRAYS = np.array(QUERY["indices"]), np.array(QUERY["values"], np.float32)

FORMS: list[Any] = [
    QUERY,
    {"values": QUERY["values"], "indices": QUERY["indices"]},
    dict(zip(QUERY["indices"], QUERY["values"], strict=True)),
    dict(zip(("indices", "values"), QUERY_ARRAYS, strict=True)),
    list(zip(QUERY["indices"], QUERY["values"], strict=True)),
    SparseVectors.from_arrays([0, 4], *QUERY_ARRAYS, DIMENSION),
    sparse.csr_matrix((QUERY_ARRAYS[1], QUERY_ARRAYS[0], [0, 4]), (1, DIMENSION)),
    sparse.coo_array((QUERY_ARRAYS[1], ([0] * 4, QUERY_ARRAYS[0])), (1, DIMENSION)),
    {"tokens": {f"w{one}": value for one, value in zip(QUERY["indices"], QUERY["values"], strict=True)}},
    {"indices": QUERY["indices"][::-1], "values": QUERY["values"][::-1]},
    {"indices": tuple(QUERY["indices"]), "values": tuple(QUERY["values"])},
    {"indices": [*QUERY["indices"], 77], "values": [*QUERY["values"], 1.0]},
]


@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_all_forms_of_a_query_have_the_same_hits(index: Index, k: int) -> None:
    (expected, _) = (answer.hits for answer in index.search_many([SearchRequest(query=QUERY, limit=k)] * 2))
    for form in (*FORMS, *FORMS):  # twice, as the arrays of a search are held later
        assert index.search(form, k) == expected


def test_lists_are_searched_without_parsing_them(index: Index) -> None:
    if index.manifest.layout == "small":  # with one shard or several
        for _ in range(3):
            index.search(QUERY, 7)
        executor, known = index._responder.executor, index.view.memo[7]
        numbers, scores, _ = executor.run_lists(known.plain, QUERY["indices"], QUERY["values"])
        assert list(zip(numbers.tolist(), scores, strict=True)) == [
            (hit.number, hit.score) for hit in index.search_many([SearchRequest(query=QUERY, limit=7)] * 2)[0].hits
        ]
        for indices, values in (([9, 1], [1.0, 1.0]), ([1], [float("nan")]), ([DIMENSION], [1.0]), ([1], [1])):
            assert executor.run_lists(known.plain, indices, values) is None
        many = list(range(MOST_TERMS + 1))
        assert executor.run_lists(known.plain, many, [1.0] * len(many)) is None


def test_held_arrays_follow_a_deadline_and_another_thread(index: Index) -> None:
    """Each search polls the flag of its own deadline, and each thread has arrays of its own."""
    expected = index.search(QUERY, 5)
    assert [index.search(QUERY, 5) for _ in range(3)] == [expected] * 3
    stopped = Stop()
    stopped.set()
    with pytest.raises(StoppedError), stoppable_by(stopped):
        index.search(QUERY, 5)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: index.search(QUERY, 5), range(40))) == [expected] * 40


def test_documents_after_a_shard_without_any(tmp_path: Path) -> None:
    """All documents of the generation are deleted, so the first number in use is not 0."""
    ids = [f"d{row}" for row in range(5)]
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 1.0}] * 5, DIMENSION)
    seismic.build(vectors, tmp_path / "c", documents=pa.table({"id": ids}))
    seismic.delete(tmp_path / "c", ids)
    seismic.upsert(
        tmp_path / "c", SparseVectors.from_dicts([{3: 1.0}, {3: 2.0}], DIMENSION), pa.table({"id": ["a", "b"]})
    )
    with seismic.open(tmp_path / "c") as index:
        for _ in range(3):  # arrays are held from the second search on
            found = index.search({"indices": [3], "values": [1.0]}, 2)
            assert [(hit.id, hit.score, hit.number) for hit in found] == [("b", 2.0, 6), ("a", 1.0, 5)]
