"""Several shards answer as one does, whatever the depth at which each is searched first."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import seismic
from seismic import BuildParams, Index, SearchParams, SparseVectors
from seismic.builder.order import reordered
from seismic.errors import StoppedError
from seismic.search import execute
from seismic.stop import Stop, stoppable_by
from tests import samples

DOCUMENTS, DIMENSION = 900, 40
SMALL = BuildParams(layout="small")
"""The layout without impacts: its shards are searched by upper bounds."""


def vectors_in(order: str) -> SparseVectors:
    vectors = samples.random_vectors(DOCUMENTS, DIMENSION, per_vector=6)
    if order == "random":
        return vectors
    heads = [int(vectors[row][0][0]) if len(vectors[row][0]) else DIMENSION for row in range(len(vectors))]
    return reordered(vectors, np.argsort(heads, kind="stable").astype(np.uint32))


@pytest.fixture(scope="module", params=["random", "sorted"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Index, Index, str]]:
    folder = tmp_path_factory.mktemp("shards")
    vectors = vectors_in(request.param)
    for shards in (1, 4):
        seismic.build(vectors, folder / str(shards), params=SMALL, shards=shards)
    with seismic.open(folder / "1") as one, seismic.open(folder / "4") as four:
        yield one, four, request.param


@pytest.mark.parametrize("k", [1, 3, 20, 200, 2000])
def test_shards_answer_as_one(pair: tuple[Index, Index, str], k: int) -> None:
    one, four, _ = pair
    queries = samples.random_vectors(60, DIMENSION, per_vector=4, seed=7)
    for expected, found in zip(one.search_batch(queries, k), four.search_batch(queries, k), strict=True):
        np.testing.assert_array_equal(found, expected)
    for expected, found in zip(one.search_batch(queries, k), four.search_batch(queries, k, threads=2), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("k", [1, 10, 200, 2000])
@pytest.mark.parametrize("terms", [4, 200])
def test_single_queries_and_small_batches(pair: tuple[Index, Index, str], k: int, terms: int) -> None:
    """All shards are searched together, with more components than show in every upper bound, too."""
    one, four, _ = pair
    queries = samples.random_vectors(12, DIMENSION, per_vector=min(terms, DIMENSION), seed=9)
    for expected, found in zip(one.search_batch(queries, k), four.search_batch(queries, k), strict=True):
        np.testing.assert_array_equal(found, expected)
    for row in range(len(queries)):
        query = dict(zip(("indices", "values"), map(np.ndarray.tolist, queries[row]), strict=True))
        hits = one.search(query, k)
        assert [four.search(query, k) for _ in range(3)] == [hits] * 3
        for params in (SearchParams(heap_factor=1.3), SearchParams(bound_share=0.9)):
            assert {hit.number for hit in four.search(query, k, params=params)} <= set(range(DOCUMENTS))


def test_a_shard_without_any_component_of_the_query(tmp_path: Path) -> None:
    rows = [{0: 1.0 + row / 1000} for row in range(200)] + [{1: 1.0, 2: 0.5} for _ in range(200)]
    vectors = SparseVectors.from_dicts(rows, 300)
    seismic.build(vectors, tmp_path / "c", params=SMALL, shards=2)
    with seismic.open(tmp_path / "c") as index:
        for _ in range(3):
            assert [hit.number for hit in index.search({0: 2.0}, 3)] == [199, 198, 197]
            assert [hit.number for hit in index.search({1: 2.0, 2: 1.0}, 2)] == [200, 201]
            assert index.search({5: 1.0}, 3) == []
        many = dict.fromkeys(range(2, 202), 1.0)  # more than show in every upper bound
        assert [hit.number for hit in index.search(many, 2)] == [200, 201]


def test_a_deadline_stops_all_shards(pair: tuple[Index, Index, str]) -> None:
    stop = Stop()
    stop.set()
    query = {"indices": [1, 2], "values": [1.0, 1.0]}
    expected = pair[1].search(query, 5)
    with stoppable_by(stop):
        for _ in range(2):
            with pytest.raises(StoppedError):
                pair[1].search(query, 5)
    assert [pair[1].search(query, 5) for _ in range(3)] == [expected] * 3


def test_a_shard_is_searched_again_only_where_its_hits_may_end_too_early(
    pair: tuple[Index, Index, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, four, order = pair
    depths: list[tuple[int, int]] = []
    run = execute._ShardSearch.run

    def counted(self: execute._ShardSearch, *given: object) -> execute.Arrays:
        numbers, scores = run(self, *given)  # type: ignore[arg-type]
        depths.append(scores.shape)
        return numbers, scores

    monkeypatch.setattr(execute._ShardSearch, "run", counted)
    queries = samples.random_vectors(60, DIMENSION, per_vector=4, seed=7)
    four.search_batch(queries, 100)
    assert depths[:4] == [(60, 40), (60, 72), (60, 100), (60, 100)]  # 25 + 3 x 5, 50 + 3 x 7.1, 75 + 3 x 8.7
    again = sum(rows for rows, _ in depths[4:])
    assert all(width == 100 for _, width in depths[4:])
    assert (again > 0) == (order == "sorted")


def test_filters_and_changes(tmp_path: Path) -> None:
    vectors = vectors_in("sorted")
    for shards in (1, 3):
        path = tmp_path / str(shards)
        seismic.build(vectors, path, params=SMALL, shards=shards)
        seismic.delete(path, range(5, 700, 7))
    queries = samples.random_vectors(40, DIMENSION, per_vector=4, seed=8)
    with seismic.open(tmp_path / "1") as one, seismic.open(tmp_path / "3") as three:
        for k in (5, 60):
            for expected, found in zip(one.search_batch(queries, k), three.search_batch(queries, k), strict=True):
                np.testing.assert_array_equal(found, expected)


def test_a_shard_out_of_reach_changes_nothing(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(3), []
    for document in range(1600):  # the second half scores a hundredth
        weight = 1.0 if document < 800 else 0.01
        rows.append({int(part): weight * (1 + rng.random()) for part in rng.choice(DIMENSION, 6, replace=False)})
    vectors = SparseVectors.from_dicts(rows, DIMENSION)
    for shards in (1, 2):
        seismic.build(vectors, tmp_path / str(shards), params=SMALL, shards=shards)
    query = {"indices": [1, 2, 3], "values": [1.0, 1.0, 1.0]}
    with seismic.open(tmp_path / "1") as one, seismic.open(tmp_path / "2") as two:
        assert two.search(query, 20) == one.search(query, 20)
