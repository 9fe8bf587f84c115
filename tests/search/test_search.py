from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seismic
from seismic import (
    BuildParams,
    Index,
    ParameterError,
    QueryError,
    SearchParams,
    SparseVectors,
    Vocabulary,
)
from seismic.layouts import Layout
from seismic.planner import accumulates
from seismic.search.execute import merge
from tests import naive, samples
from tests.conftest import Scifact
from tests.naive import Row

EXACT = SearchParams(plan="exact")
WHOLE_LISTS = BuildParams(layout="lists", postings_per_list=100_000, summary_energy=1.0)
EVERY_BLOCK = SearchParams(plan="lists", query_cut=1000, heap_factor=1e-9)


@dataclass(frozen=True)
class Small:
    """400 documents, indexed whole in one shard and in three, and 20 queries."""

    documents: list[Row]
    queries: SparseVectors
    index: Index
    in_shards: Index


@pytest.fixture(scope="module", params=samples.SPREAD)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    vectors = samples.random_vectors(400, request.param, per_vector=20)
    documents = pa.table({"id": [f"d{number}" for number in range(400)], "title": list(map(str, range(400)))})
    for shards in (1, 3):
        seismic.build(vectors, folder / str(shards), documents=documents, params=WHOLE_LISTS, shards=shards)
    return Small(
        naive.stored(naive.rows(vectors)),
        samples.random_vectors(20, request.param, per_vector=10, seed=1),
        seismic.open(folder / "1"),
        seismic.open(folder / "3"),
    )


# ---- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 10, 1000])
def test_exact_answers_are_the_true_top_k(small: Small, k: int) -> None:
    numbers, scores = small.index.search_batch(small.queries, k, params=EXACT)
    assert numbers.shape == scores.shape == (20, k)
    assert [numbers.dtype, scores.dtype] == [np.int64, np.float32]
    for row, query in enumerate(naive.rows(small.queries)):
        naive.assert_top_k(numbers[row], scores[row], small.documents, query)


@pytest.mark.parametrize("params", [EXACT, EVERY_BLOCK])
def test_several_shards_answer_as_one(small: Small, params: SearchParams) -> None:
    for k in (1, 10, 1000):
        expected = small.index.search_batch(small.queries, k, params=EXACT)
        for found, wanted in zip(small.in_shards.search_batch(small.queries, k, params=params), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_layouts_answer_alike(tmp_path: Path) -> None:
    vectors = samples.random_vectors(66_000, dimension=500, per_vector=8)  # more than shards have impacts for
    queries = samples.random_vectors(20, dimension=500, per_vector=6, seed=1)
    found = {}
    for layout in ("shared", "full"):
        seismic.build(vectors, tmp_path / layout, params=BuildParams(layout=layout, order_rounds=1))
        with seismic.open(tmp_path / layout) as index:
            assert (index.view.shards[0].shard.impacts is None) == (layout == "shared")
            found[layout] = [index.search_batch(queries, k) for k in (10, 33, 500)]
            assert [accumulates(len(index), k) for k in (10, 33, 500)] == [False, True, True]
    for one, other in zip(found["shared"], found["full"], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_blocks_without_pruning_are_exact(small: Small) -> None:
    expected = small.index.search_batch(small.queries, 10, params=EXACT)
    for found, wanted in zip(small.index.search_batch(small.queries, 10, params=EVERY_BLOCK), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("factor", [1e-11, 1e-7, 1e13])
def test_weights_of_any_size_find_the_same_documents(small: Small, factor: float) -> None:
    indptr, components, values = samples.csr(small.queries)
    scaled = SparseVectors.from_arrays(indptr, components, values * np.float32(factor), small.queries.dimension)
    expected, _ = small.index.search_batch(scaled, 10, params=EXACT)
    found, _ = small.index.search_batch(scaled, 10, params=EVERY_BLOCK)
    np.testing.assert_array_equal(found, expected)


def test_auto_is_exact(small: Small) -> None:
    for row in range(len(small.queries)):
        query = small.queries.slice(row, row + 1)
        assert small.index.answer(query).plan == "exact"
        assert small.index.answer(query) == small.index.answer(query, params=EXACT)


def test_hits_carry_ids_scores_and_numbers(small: Small) -> None:
    numbers, scores = small.index.search_batch(small.queries, 10)
    for row, query in enumerate(naive.rows(small.queries)):
        hits = small.index.search(samples.as_query(query))
        assert [hit.number for hit in hits] == numbers[row][numbers[row] >= 0].tolist()
        assert [hit.score for hit in hits] == scores[row][: len(hits)].tolist()
        assert [hit.id for hit in hits] == [f"d{hit.number}" for hit in hits]


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("params", [SearchParams(plan="lists"), EXACT])
def test_batches_are_searches_one_by_one(small: Small, threads: int, params: SearchParams) -> None:
    numbers, scores = small.in_shards.search_batch(small.queries, 5, params=params, threads=threads)
    for row in range(len(small.queries)):
        hits = small.in_shards.search(small.queries.slice(row, row + 1), 5, params=params)
        assert numbers[row].tolist() == [hit.number for hit in hits] + [-1] * (5 - len(hits))
        assert scores[row].tolist() == [hit.score for hit in hits] + [0] * (5 - len(hits))


def test_batches_of_every_kind(small: Small) -> None:
    rows = naive.rows(small.queries)
    arrow = pa.table(
        {
            "indices": pa.array([list(row) for row in rows], pa.list_(pa.int32())),
            "values": pa.array([list(row.values()) for row in rows], pa.list_(pa.float32())),
        }
    )
    expected, _ = small.index.search_batch(small.queries)
    for queries in (small.queries.to_scipy(), arrow, small.queries.widened(1 << 24)):
        np.testing.assert_array_equal(small.index.search_batch(queries)[0], expected)
    assert small.index.search_batch(small.queries.slice(0, 0), 7, threads=2)[0].shape == (0, 7)


def test_threads_may_search_one_index(small: Small) -> None:
    cuts = [1, 2, 5, 1000]  # they need workspaces of several sizes
    searches = [EXACT, *(SearchParams(plan="lists", query_cut=cut) for cut in cuts)]
    expected = [small.in_shards.search_batch(small.queries, 10, params=params) for params in searches]

    def task(number: int) -> Any:
        return number % 5, small.in_shards.search_batch(small.queries, 10, params=searches[number % 5])

    with ThreadPoolExecutor(8) as pool:
        for at, (numbers, scores) in pool.map(task, range(60)):
            np.testing.assert_array_equal(numbers, expected[at][0])
            np.testing.assert_array_equal(scores, expected[at][1])


hits_of_shard = st.lists(st.tuples(st.integers(0, 99), samples.eighths), max_size=12, unique_by=lambda hit: hit[0])


@given(st.lists(hits_of_shard, min_size=1, max_size=4), st.integers(1, 12))
def test_merging_equals_the_oracle(parts: list[list[tuple[int, float]]], k: int) -> None:
    parts = [naive.best_first(((n + 100 * shard, score) for n, score in part), k) for shard, part in enumerate(parts)]
    arrays = []
    for part in parts:
        numbers, scores = np.full((1, k), -1), np.zeros((1, k), np.float32)
        numbers[0, : len(part)] = [number for number, _ in part]
        scores[0, : len(part)] = [score for _, score in part]
        arrays.append((numbers, scores))
    numbers, scores = merge(arrays, k)
    assert (numbers.shape, scores.shape) == ((1, k), (1, k))
    expected = naive.merge(parts, k)
    pads = k - len(expected)
    assert numbers[0].tolist() == [number for number, _ in expected] + [-1] * pads
    assert scores[0].tolist() == [score for _, score in expected] + [0] * pads


# ---- edges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [EXACT, EVERY_BLOCK])
@pytest.mark.parametrize("shards", [1, 3])
def test_ties_go_by_number(tmp_path: Path, params: SearchParams, shards: int) -> None:
    rows: list[Row] = [{0: 1.0, 1: 2.0}, {1: 2.0}, {2: 5.0}] * 7
    index = samples.opened(tmp_path, rows, shards=shards, params=WHOLE_LISTS.replace(order_clusters=4))
    hits = index.search({"indices": [1], "values": [1.0]}, 9, params=params)
    assert [hit.number for hit in hits] == [number for number in range(21) if number % 3 < 2][:9]
    assert len({hit.score for hit in hits}) == 1


@pytest.mark.parametrize("params", [EVERY_BLOCK, EXACT])
def test_empty_documents_are_never_found(tmp_path: Path, params: SearchParams) -> None:
    index = samples.opened(tmp_path, [{}, {0: 1.0}, {}, {1: 1.0}, {}], 3, shards=2, params=WHOLE_LISTS)
    assert len(index) == 5
    assert [hit.number for hit in index.search({"indices": [0, 1, 2], "values": [2, 1, 1]}, params=params)] == [1, 3]


@pytest.mark.parametrize("params", [EVERY_BLOCK, EXACT])
def test_empty_and_unknown_queries_find_nothing(small: Small, params: SearchParams) -> None:
    assert small.in_shards.search({"indices": [], "values": []}, params=params) == []
    answer = small.in_shards.answer({"indices": [2**24, 2**31], "values": [1, 2]}, params=params)
    assert (answer.hits, answer.unknown) == ([], (2**24, 2**31))
    numbers, scores = small.in_shards.search_batch(SparseVectors.from_dicts([{}, {1 << 23: 1.0}]), 3, params=params)
    assert (numbers == -1).all()
    assert (scores == 0).all()


def test_unknown_components_do_not_disturb_the_others(tmp_path: Path) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}, {1: 2.0}], vocabulary=Vocabulary(["a", "b"]))
    answer = index.answer({"indices": [7, 1], "values": [100.0, 1.5]})
    assert ([hit.number for hit in answer.hits], answer.unknown) == ([1], (7,))
    assert answer.hits[0].score == pytest.approx(3.0)
    answer = index.answer({"tokens": {"b": 1.5, "zebra": 1.0}})
    assert ([hit.number for hit in answer.hits], answer.unknown) == ([1], ("zebra",))


@pytest.mark.parametrize("params", [SearchParams(plan="lists"), EXACT])
def test_one_document(tmp_path: Path, params: SearchParams) -> None:
    index = samples.opened(tmp_path, [{5: 2.0}], params=BuildParams(layout="lists"))
    (hit,) = index.search({"indices": [5], "values": [0.5]}, 10, params=params)
    assert (hit.id, hit.number) == (0, 0)
    assert hit.score == pytest.approx(1.0)


@pytest.mark.parametrize("layout", ["shared", "lists"])
@pytest.mark.parametrize("dimension", [None, 5, 70_000])
@pytest.mark.parametrize("shards", [1, 2])
def test_only_empty_documents(
    tmp_path: Path, layout: Literal["shared", "lists"], dimension: int | None, shards: int
) -> None:
    index = samples.opened(tmp_path, [{}, {}, {}], dimension, shards=shards, params=BuildParams(layout=layout))
    index.warm_up()
    plans: list[Literal["exact", "lists"]] = ["exact"] if layout == "shared" else ["exact", "lists"]
    for plan in plans:
        assert index.search({"indices": [0, 1], "values": [1, 1]}, params=SearchParams(plan=plan)) == []
    assert index.document_ids([0, 1, 2]) == [0, 1, 2]


def test_a_shard_without_values(tmp_path: Path) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}, {1: 2.0}, {}, {}], shards=2, params=WHOLE_LISTS)
    for params in (EXACT, EVERY_BLOCK):
        hits = index.search({"indices": [0, 1], "values": [1, 1]}, params=params)
        assert [hit.number for hit in hits] == [1, 0]


def test_parameters_out_of_range(small: Small) -> None:
    query = {"indices": [0], "values": [1.0]}
    with pytest.raises(ParameterError, match="k is -1, expected at least 0"):
        small.index.search(query, -1)
    with pytest.raises(ParameterError, match="k is -1, expected at least 0"):
        small.index.search_batch(small.queries, -1)
    with pytest.raises(ParameterError, match="threads is 0, expected at least 1"):
        small.index.search_batch(small.queries, threads=0)
    with pytest.raises(QueryError, match="this index has no vocabulary"):
        small.index.search({"tokens": {"a": 1.0}})


def test_statistics_count_the_work(small: Small) -> None:
    query = {"indices": [0, 1, 2], "values": [3.0, 2.0, 1.0]}
    for index in (small.index, small.in_shards):
        stats = index.answer(query, params=SearchParams(plan="lists", query_cut=2, heap_factor=1e-9)).stats
        assert stats.lists == 2 * len(index.view.shards)
        assert stats.blocks == stats.blocks_visited > 0
        assert stats.documents_scored == sum(bool(row.keys() & {0, 1}) for row in small.documents)
        pruned = index.answer(query, 1, params=SearchParams(plan="lists", query_cut=2, heap_factor=2.0)).stats
        assert pruned.blocks_visited < pruned.blocks
        assert pruned.documents_scored < stats.documents_scored


# ---- SciFact -----------------------------------------------------------------------------------------------------


def recall(scifact: Scifact, numbers: np.ndarray) -> float:
    """Share of the exact top 10 that was found."""
    pairs = zip(numbers, scifact.truth_rows, strict=True)
    return float(np.mean([len(np.intersect1d(found, truth)) / 10 for found, truth in pairs]))


def test_exact_search_finds_the_ground_truth(scifact: Scifact, scifact_index: Path) -> None:
    numbers, scores = seismic.open(scifact_index).search_batch(scifact.query_vectors, params=EXACT, threads=2)
    assert recall(scifact, numbers) >= 0.9995
    np.testing.assert_allclose(scores, scifact.truth_scores, rtol=1e-3)


def test_default_settings_are_exact(scifact: Scifact, scifact_index: Path) -> None:
    numbers, _ = seismic.open(scifact_index).search_batch(scifact.query_vectors, threads=2)
    assert recall(scifact, numbers) >= 0.9995


def test_default_settings_of_blocks_find_nearly_all(scifact: Scifact, tmp_path: Path) -> None:
    seismic.build(scifact.vectors, tmp_path / "lists", params=BuildParams(layout="lists"), workers=2)
    index = seismic.open(tmp_path / "lists")
    numbers, _ = index.search_batch(scifact.query_vectors, params=SearchParams(plan="lists"), threads=2)
    assert recall(scifact, numbers) >= 0.99


def test_tokens_and_indices_ask_the_same(scifact: Scifact, scifact_index: Path) -> None:
    index = seismic.open(scifact_index)
    for row in range(3):
        assert index.search(scifact.tokens(row)) == index.search(scifact.query(row))


@pytest.mark.parametrize("layout", ["shared", "small", "full"])
def test_equal_scores_of_integer_weights_tie(layout: Layout, tmp_path: Path) -> None:
    """Documents with other heaviest weights, and so other scales, have the same score, and rank by number."""
    rng = np.random.default_rng(0)
    rows = [{0: float(weight), 1: 100.0 - weight, 2: float(heavy)} for weight, heavy in rng.integers(40, 60, (300, 2))]
    params = BuildParams(layout=layout)
    seismic.build(SparseVectors.from_dicts(rows), tmp_path / "built", params=params)
    seismic.build(SparseVectors.from_dicts(rows[:1]), tmp_path / "grown", params=params)
    documents = pa.table({"id": range(1, len(rows))})
    seismic.upsert(tmp_path / "grown", SparseVectors.from_dicts(rows[1:]), documents)
    for name in ("built", "grown"):
        with seismic.open(tmp_path / name) as index:
            for k in (10, 100):
                answer = index.search({"indices": [0, 1], "values": [7, 7]}, k)
                assert [hit.id for hit in answer] == list(range(k))
                assert {hit.score for hit in answer} == {700.0}
