"""A collection in parts answers as an index of all shards."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import FilterError, Index, ParameterError, QueryError, SearchRequest
from seismic.cluster.errors import BehindError
from seismic.cluster.front import open_front
from seismic.cluster.index import ClusterIndex
from seismic.cluster.local import LocalFan, open_parts
from seismic.cluster.spec import PartSpec
from seismic.cluster.states import History
from seismic.cluster.wire import Message
from seismic.export.tables import read_tables
from tests.changed import documents
from tests.cluster.collections import COUNT, FILTER, NARROW, QUERIES, assert_same, build, changes, vectors

PARTS = [
    ["1/1+changes"],
    ["1/2", "2/2", "changes"],
    ["1/3+changes", "2/3", "3/3"],
    [*(f"{number}/7" for number in range(1, 7)), "7/7+changes"],  # more than there are shards
]


@pytest.fixture(scope="module", params=["shuffled", "sorted"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    layout = {"shuffled": "lists", "sorted": "shared"}[request.param]
    with build(tmp_path_factory.mktemp("cluster") / "books", request.param, layout=layout) as made:
        yield made


@pytest.fixture(scope="module", params=PARTS, ids="-".join)
def cluster(request: pytest.FixtureRequest, index: Index) -> Iterator[Index]:
    with open_parts(index.view.collection, request.param) as made:
        yield made


def test_requests_of_every_kind(index: Index, cluster: Index) -> None:
    assert_same(index, cluster)


def test_what_an_index_says_of_itself(index: Index, cluster: Index) -> None:
    assert len(cluster) == len(index)
    assert (cluster.generation, cluster.sequence) == (index.generation, index.sequence)
    assert cluster.columns == index.columns
    assert cluster.dimension == index.dimension
    assert cluster.view.changed == index.view.changed
    assert np.array_equal(cluster.document_frequency(), index.document_frequency())
    for wanted in (None, FILTER, NARROW):
        assert cluster.count_matches(QUERIES[0], wanted) == index.count_matches(QUERIES[0], wanted)
        assert cluster.count(wanted) == index.count(wanted)


def test_documents(index: Index, cluster: Index) -> None:
    ids = ["d1", "d2", "d0", "d601", "nothing", f"d{COUNT + 79}", "d3"]
    assert cluster.find(ids).tolist() == index.find(ids).tolist()
    assert cluster.exists(ids).tolist() == index.exists(ids).tolist()
    assert cluster.fetch(ids, with_vectors=True) == index.fetch(ids, with_vectors=True)
    assert cluster.fetch(ids, ["title"]) == index.fetch(ids, ["title"])
    numbers = [number for number in index.find(ids).tolist() if number >= 0]
    assert cluster.document_ids([*numbers, -1]) == index.document_ids([*numbers, -1])
    assert cluster.payloads(numbers) == index.payloads(numbers)
    for local, remote in zip(index.vectors(numbers), cluster.vectors(numbers), strict=True):
        assert np.array_equal(local[0], remote[0])
        assert np.array_equal(local[1], remote[1])


@pytest.mark.parametrize("order", [None, "year", "title", "price"])
def test_pages(index: Index, cluster: Index, order: str | None) -> None:
    cursor = None
    for _ in range(4):
        local = index.scroll(FILTER, limit=23, cursor=cursor, order_by=None if cursor else order)
        assert cluster.scroll(FILTER, limit=23, cursor=cursor, order_by=None if cursor else order) == local
        cursor = local.cursor
    start: Any = None
    for _ in range(4):
        found, following = index.browse_ids(FILTER, 23, start)
        assert cluster.browse_ids(FILTER, 23, start) == (found, following)
        start = following


def test_batches(index: Index, cluster: Index) -> None:
    for k in (1, 10, 900):
        for wanted in (None, FILTER):
            local, remote = (one.search_batch(QUERIES, k, filter=wanted) for one in (index, cluster))
            assert np.array_equal(local[0], remote[0])
            assert np.array_equal(local[1], remote[1])


@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_plain_searches(index: Index, cluster: Index, k: int) -> None:
    """One search, which comes without tasks, and several at once."""
    for query in QUERIES:
        wanted = index.search(query, k)
        assert cluster.search(query, k) == wanted
        request = SearchRequest(query=query, limit=k)
        assert [answer.hits for answer in cluster.search_many([request, request])] == [wanted, wanted]


def test_errors_are_those_of_an_index(cluster: Index) -> None:
    with pytest.raises(FilterError, match=r"filter\.nothing"):
        cluster.search(QUERIES[0], filter={"nothing": 1})
    with pytest.raises(QueryError, match="found no document 'nothing'"):
        cluster.search({"id": "nothing"})
    with pytest.raises(ParameterError, match="unknown payload column"):
        cluster.payloads([1], ["nothing"])


@pytest.mark.parametrize("wanted", [None, FILTER, NARROW])
def test_why_not(index: Index, cluster: Index, wanted: Any) -> None:
    ids = [*(f"d{number}" for number in range(0, COUNT + 90, 7)), "d1", "d2", "d3", "d250", "nothing"]
    for query in (QUERIES[0], {"id": "d3"}, {"indices": [59], "values": [1.0]}):
        for options in ({"k": 5}, {"k": 300, "score_threshold": 1.0}):
            local = index.why_not(query, ids, wanted, **options)
            assert cluster.why_not(query, ids, wanted, **options) == local
            assert len({one.state for one in local}) >= 3


def test_exports(index: Index, cluster: Index) -> None:
    for options in ({}, {"filter": FILTER, "with_vectors": "tokens"}, {"columns": ["year", "title"]}):
        local, remote = (pa.concat_tables(one.batches(**options)) for one in (index, cluster))
        assert remote.combine_chunks().equals(local.combine_chunks(), check_metadata=True)
    chosen = [one.select(NARROW, ids=["d3", "d1", "d2", "d601"], with_vectors=False) for one in (index, cluster)]
    assert [one.size for one in chosen] == [3, 3]
    local, remote = (pa.concat_tables(read_tables(one)) for one in chosen)
    assert remote.combine_chunks().equals(local.combine_chunks())
    made = [one.pseudo_queries(5, seed=3) for one in (index, cluster)]
    for name in ("indptr", "components", "values"):
        assert np.array_equal(getattr(made[0], name), getattr(made[1], name))


def test_changes_are_seen_at_their_sequence(tmp_path: Path) -> None:
    index = build(tmp_path / "books")
    seismic.compact(tmp_path / "books")
    index.refresh()
    with index, open_parts(tmp_path / "books", ["1/2", "2/2", "changes"]) as cluster:
        states = []
        for step in changes():
            states.append((index.frozen(), cluster.frozen()))
            step(tmp_path / "books")
            assert index.refresh()
            assert cluster.refresh()
        assert_same(index, cluster)
        for local, remote in states:  # earlier views stay as they were
            assert remote.sequence == local.sequence
            assert remote.search(QUERIES[2], 50) == local.search(QUERIES[2], 50)
        seismic.compact(tmp_path / "books")
        before = cluster.frozen()
        assert index.refresh()
        assert cluster.refresh()
        assert cluster.generation == index.generation != before.generation
        assert_same(index, cluster)
        assert len(before.search(QUERIES[2], 50)) == 50


@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_parts_are_asked_for_fewer_hits_and_again_where_more_may_be(tmp_path: Path, order: str) -> None:
    with build(tmp_path / "books", order) as index:
        asked: list[tuple[int, int]] = []

        class Counting(LocalFan):
            def ask(self, requests: Mapping[int, Message], *, partial: bool = False) -> dict[int, Message]:
                asked.extend((at, one.head["k"]) for at, one in requests.items() if one.head["verb"] == "search")
                return super().ask(requests, partial=partial)

        fan = Counting(tmp_path / "books", [PartSpec.parse(one) for one in PARTS[2]])
        with ClusterIndex(open_front(tmp_path / "books", fan)) as cluster:
            query = {"indices": [0], "values": [1.0]}  # sorted: its best documents are neighbours
            assert cluster.search(query, 60) == index.search(query, 60)
        first, again = asked[:3], asked[3:]
        assert all(20 < k < 60 for _, k in first)
        assert all(k == 60 for _, k in again)
        assert bool(again) == (order == "sorted")


def test_a_part_that_cannot_read_the_log_is_behind(tmp_path: Path) -> None:
    build(tmp_path / "books").close()
    history = History(tmp_path / "books", PartSpec.parse("1/2"), "000001", "none")
    assert history.at(2).log_end.sequence == 2
    (tmp_path / "books" / "log").rename(tmp_path / "elsewhere")
    assert history.at(5).log_end.sequence == 5  # it was read before
    with pytest.raises(BehindError, match="cannot read the log after change 5"):
        history.at(6)
    (tmp_path / "elsewhere").rename(tmp_path / "books" / "log")
    with pytest.raises(BehindError, match="has changes up to 5, expected 6"):
        history.at(6)


def test_fields(tmp_path: Path) -> None:
    dense, sparse = vectors(90, "shuffled"), vectors(90, "sorted")
    words = [f"w{number}" for number in range(60)]
    fields: Any = {"a": {"vocabulary": words, "weight": 2.0}, "b": {"vocabulary": words, "idf": True}}
    seismic.create(tmp_path / "books", fields=fields, columns={"title": "string", "year": "int32"})
    table = documents(range(90)).select(["id", "title", "year"])
    seismic.upsert(tmp_path / "books", {"a": dense, "b": sparse}, table)
    seismic.compact(tmp_path / "books")
    seismic.delete(tmp_path / "books", ["d3", "d60"])
    queries: list[Any] = [
        {"fields": {"a": {"tokens": {"w1": 1.0}}, "b": {"tokens": {"w3": 1.0, "w7": 0.5}}}},
        {"fields": {"b": {"tokens": {"w3": 1.0}}}},
    ]
    with seismic.open(tmp_path / "books") as index, open_parts(tmp_path / "books", PARTS[1]) as cluster:
        for query in queries:
            assert cluster.search(query, 20) == index.search(query, 20)
            assert cluster.search(query, 20, filter=FILTER | {"must_not": []}) == index.search(
                query, 20, filter=FILTER | {"must_not": []}
            )
