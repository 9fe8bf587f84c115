from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.impacts import find_impacts
from seismic.builder.maxima import find_maxima
from seismic.builder.quantize import quantize_vectors
from seismic.builder.shared import share_blocks
from seismic.kernels.accumulate import make_accumulate_workspace, search_accumulate_batch
from seismic.kernels.constants import BLOCK, BLOCK_WINDOW, GROUP
from seismic.kernels.exact import search_exact_batch
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import SAFETY
from seismic.kernels.shared import Shared
from seismic.kernels.topk import Queries, TopK
from seismic.kernels.upper_bounds import (
    TERMS,
    add_upper_bounds,
    choose_heaviest,
    make_bound_scratch,
    whole_weight,
)
from seismic.kernels.visit import Workspace, make_exact_workspace
from seismic.query import MAX_COMPONENTS
from tests import naive, samples
from tests.kernels.conftest import needs_jit
from tests.naive import Row

ALL_DENSE = range(samples.WIDE)
SOME_DENSE = range(0, samples.WIDE, 2048)


class Shard(NamedTuple):
    documents: list[Row]
    maxima: Maxima
    shared: Shared
    dimension: int

    def workspace(self) -> Workspace:
        return make_exact_workspace(self.dimension, len(self.documents))


def shard_of(vectors: SparseVectors, dense: range) -> Shard:
    documents = naive.stored(naive.rows(vectors))
    maxima = samples.maxima(documents, vectors.dimension, dense)
    return Shard(documents, maxima, samples.shared(vectors), vectors.dimension)


class Found(NamedTuple):
    numbers: np.ndarray
    scores: np.ndarray
    counters: list[int]


ALL = np.empty(0, np.uint8)


def search(
    shard: Shard,
    queries: list[Row],
    k: int,
    heap_factor: float = 1.0,
    bound_share: float = 1.0,
    workspace: Workspace | None = None,
    allowed: np.ndarray = ALL,
    least_score: float = 0.0,
) -> Found:
    """(numbers, scores) [queries, k]; the workspace must come back clean."""
    workspace = workspace or shard.workspace()
    numbers, scores = np.full((len(queries), k), -7), np.full((len(queries), k), np.nan, np.float32)
    counters = np.zeros((len(queries), 4), np.int64)
    csr, least_scores = Queries(*samples.queries(queries)), np.full(len(queries), least_score, np.float32)
    search_exact_batch(
        shard.maxima,
        shard.shared,
        csr,
        heap_factor,
        bound_share,
        least_scores,
        allowed,
        workspace,
        TopK(scores, numbers, counters),
    )
    for array in (workspace.scratch.upper_bounds, *workspace.table):
        assert not array.any()
    return Found(numbers, scores, counters.sum(axis=0).tolist())


def assert_exact(shard: Shard, queries: list[Row], found: Found) -> None:
    for row, query in enumerate(queries):
        naive.assert_top_k(found.numbers[row], found.scores[row], shard.documents, query)


@pytest.mark.parametrize("dense", [range(0), SOME_DENSE, ALL_DENSE])
@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data())
def test_finds_the_true_top_k(dense: range, vectors: SparseVectors, k: int, data: st.DataObject) -> None:
    shard = shard_of(vectors, dense)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    found = search(shard, queries, k)
    assert_exact(shard, queries, found)
    lists, blocks, visited, scored = found.counters
    assert lists == sum(map(len, queries))
    assert blocks == len(queries) * -(-len(vectors) // BLOCK)
    assert visited <= blocks
    assert scored <= BLOCK * visited


@pytest.mark.parametrize("dense", [range(0), SOME_DENSE, ALL_DENSE])
@given(vectors=samples.sparse_vectors(max_size=40), data=st.data())
def test_bounds_are_never_below_a_score(dense: range, vectors: SparseVectors, data: st.DataObject) -> None:
    shard = shard_of(vectors, dense)
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    _, components, values = samples.queries([query])
    scratch = shard.workspace().scratch
    unit = add_upper_bounds(shard.maxima, components, values, 1, scratch)
    assert scratch.group_maxima.tolist() == [scratch.upper_bounds.max()]
    for block, first in enumerate(range(0, len(vectors), BLOCK)):
        best = max(naive.dot(row, query) for row in shard.documents[first : first + BLOCK])
        assert unit * (int(scratch.upper_bounds[block]) + len(query)) * SAFETY >= best
        assert (scratch.upper_bounds[block] > 0) == (best > 0)
    assert not scratch.upper_bounds[block + 1 :].any()


@needs_jit
def test_bounds_of_several_windows() -> None:
    """Against sums over all blocks, of codes drawn at random."""
    rng, dimension, groups = np.random.default_rng(0), 4, BLOCK_WINDOW // GROUP + 3
    n_blocks = groups * GROUP
    blocks = [np.flatnonzero(rng.random(n_blocks) < share) for share in (0.02, 0.0001, 0.0)]
    codes = [*(rng.integers(1, 256, len(row), np.uint8) for row in blocks), rng.integers(0, 256, n_blocks, np.uint8)]
    maxima = samples.readonly(
        Maxima(
            samples.offsets([*map(len, blocks), 0]),
            np.concatenate(blocks).astype(np.uint16),
            np.array([[(row < BLOCK_WINDOW).sum(), len(row)] for row in [*blocks, blocks[-1]]], np.uint32).ravel(),
            samples.offsets([*map(len, codes)]),
            np.concatenate(codes),
            np.ones(dimension, np.float32),
        )
    )
    components, values = np.arange(dimension, dtype=np.uint32), np.array([3, 2, 1, 0.5], np.float32)
    scratch = make_bound_scratch(dimension, groups)
    unit = add_upper_bounds(maxima, components, values, groups, scratch)
    expected = np.zeros(n_blocks, np.int64)
    for at, row in enumerate([*blocks, np.arange(n_blocks)]):
        expected[row] += codes[at].astype(np.int64) * whole_weight(values[at], np.float32(1), unit, dimension) >> 8
    np.testing.assert_array_equal(scratch.upper_bounds[:n_blocks], expected)
    np.testing.assert_array_equal(scratch.group_maxima, expected.reshape(-1, GROUP).max(axis=1))
    assert not scratch.upper_bounds[n_blocks:].any()


@given(data=st.data(), share=st.floats(0.01, 1))
def test_the_heaviest_components(data: st.DataObject, share: float) -> None:
    """As few as make up a share, but for those of equal weight."""
    (query,) = data.draw(samples.sparse_rows(samples.WIDE, min_size=1, max_size=1))
    assume(query)
    _, components, values = samples.queries([query])
    scales = np.linspace(0.5, 2, samples.WIDE, dtype=np.float32)
    maxima = samples.maxima([], samples.WIDE, range(0))._replace(scales=scales)
    scratch = make_bound_scratch(samples.WIDE, 1)
    count, stretch = choose_heaviest(samples.readonly(maxima), components, values, share, scratch)
    most = {component: np.float64(weight) * scales[component] for component, weight in query.items()}
    chosen = scratch.components[:count].tolist()
    assert chosen == [component for component in components.tolist() if component in set(chosen)]
    assert scratch.values[:count].tolist() == [np.float32(query[component]) for component in chosen]
    kept, total = sum(most[component] for component in chosen), sum(most.values())
    assert kept >= share * total * (1 - 1e-9)
    lightest = min(most[component] for component in chosen)
    assert all(value <= lightest for component, value in most.items() if component not in chosen)
    without = sum(most[component] for component in chosen if most[component] > lightest * (1 + 1e-4))
    assert without < share * total
    assert stretch == pytest.approx((total / kept) ** 0.5)


def test_documents_that_score_nothing_do_not_end_a_bound_share() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 2.0}, *[{1: 1.0}] * 7, {2: 1.0}]), range(0))
    assert search(shard, [{0: 1.0, 2: 1.0}], 2, bound_share=0.5).numbers.tolist() == [[0, 8]]


@pytest.mark.parametrize("dense", [range(0), SOME_DENSE, ALL_DENSE])
@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data(), share=st.floats(0.05, 0.99))
def test_a_bound_share_finds_documents_with_their_scores(
    dense: range, vectors: SparseVectors, k: int, data: st.DataObject, share: float
) -> None:
    """Perhaps not the best, but as many as there are, each with its score."""
    shard = shard_of(vectors, dense)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    found, exact = search(shard, queries, k, bound_share=share), search(shard, queries, k)
    assert ((found.numbers >= 0).sum(axis=1) == (exact.numbers >= 0).sum(axis=1)).all()
    assert (found.scores <= exact.scores).all()
    for row, query in enumerate(queries):
        hits = found.numbers[row][found.numbers[row] >= 0].tolist()
        assert len(set(hits)) == len(hits)
        expected = [naive.dot(shard.documents[number], query) for number in hits]
        np.testing.assert_allclose(found.scores[row][: len(hits)], expected, rtol=1e-5)


@pytest.mark.parametrize("dense", [range(0), range(0, samples.WIDE, 2), ALL_DENSE])
@pytest.mark.parametrize("k", [1, 10, 200, 2000])
def test_several_groups_of_blocks(dense: range, k: int) -> None:
    shard = shard_of(samples.random_vectors(1300, per_vector=12), dense)
    queries = naive.rows(samples.random_vectors(8, per_vector=6, seed=1))
    found = search(shard, queries, k)
    assert_exact(shard, queries, found)
    if k == 1:
        assert found.counters[2] < found.counters[1] / 2  # most blocks are skipped


@pytest.mark.parametrize("terms", [TERMS - 1, TERMS, TERMS + 1, 400])
def test_queries_of_many_components(terms: int) -> None:
    shard = shard_of(samples.random_vectors(600, dimension=500, per_vector=60), range(0, 500, 2))
    queries = naive.rows(samples.random_vectors(4, dimension=500, per_vector=terms, seed=1, empty=0))
    for k in (1, 10, 600):
        assert_exact(shard, queries, search(shard, queries, k))


def test_the_longest_queries() -> None:
    shard = shard_of(samples.random_vectors(30, samples.WIDE, per_vector=40), range(0))
    query = dict.fromkeys(range(MAX_COMPONENTS), 0.5)
    assert_exact(shard, [query], search(shard, [query], 10))


def test_one_heavy_component_does_not_hide_the_light_ones() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 16.0}, *[{number: 1 / 64} for number in range(1, 30)]]), range(0))
    query = {0: 1e6, **dict.fromkeys(range(1, 30), 1e-06)}
    assert_exact(shard, [query], search(shard, [query], 30))


@pytest.mark.parametrize("size", [1e-11, 1e-7, 1e13])
def test_weights_of_any_size(size: float) -> None:
    shard = shard_of(samples.random_vectors(600, empty=0), SOME_DENSE)
    queries = [
        {component: value * size for component, value in row.items()}
        for row in naive.rows(samples.random_vectors(4, seed=1, empty=0))
    ]
    for k in (1, 10, 100):
        assert_exact(shard, queries, search(shard, queries, k))


def test_a_heap_factor_above_one_skips_more_and_keeps_true_scores() -> None:
    shard = shard_of(samples.random_vectors(2000, per_vector=12), SOME_DENSE)
    queries = naive.rows(samples.random_vectors(5, per_vector=6, seed=1, empty=0))
    whole, found = search(shard, queries, 10), search(shard, queries, 10, 1.5)
    assert found.counters[2] < whole.counters[2]
    for row, query in enumerate(queries):
        truth = naive.matches(shard.documents, query)
        scores = [truth[number] for number in found.numbers[row].tolist()]
        np.testing.assert_allclose(found.scores[row], scores, rtol=1e-5)
    assert_exact(shard, queries, search(shard, queries, 10, 0.5))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_returns_allowed_documents_only(share: float) -> None:
    shard = shard_of(samples.random_vectors(1300, per_vector=12), SOME_DENSE)
    queries = naive.rows(samples.random_vectors(6, per_vector=6, seed=1))
    chosen = np.random.default_rng(0).random(len(shard.documents)) < share
    allowed = np.packbits(chosen, bitorder="little")
    rest = shard._replace(documents=[row if kept else {} for row, kept in zip(shard.documents, chosen, strict=True)])
    for k in (1, 10, 1300):
        found = search(shard, queries, k, allowed=allowed)
        assert_exact(rest, queries, found)
        assert found.counters[2] <= len(queries) * np.count_nonzero(allowed)


def test_what_scores_too_little_may_be_left_out() -> None:
    shard = shard_of(samples.random_vectors(2000, per_vector=12), SOME_DENSE)
    for query in naive.rows(samples.random_vectors(5, per_vector=6, seed=1, empty=0)):
        whole = search(shard, [query], 50)
        for rank in (0, 9, 49):
            least = whole.scores[0, rank]
            found = search(shard, [query], 10, least_score=least)
            size = min(10, int((whole.scores[0] >= least).sum()))
            np.testing.assert_array_equal(found.numbers[0, :size], whole.numbers[0, :size])
            np.testing.assert_array_equal(found.scores[0, :size], whole.scores[0, :size])
        assert found.counters[2] <= whole.counters[2]
        assert search(shard, [query], 10, least_score=2 * whole.scores[0, 0]).counters[3] == 0


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 10, 200, 2000])
def test_adding_up_finds_the_same(k: int, share: float) -> None:
    check_adding_up(samples.random_vectors(1300, per_vector=12), 6, k, share)


@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data())
def test_adding_up_any_vectors(vectors: SparseVectors, k: int, data: st.DataObject) -> None:
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    check_adding_up(vectors, 0, k, 1.0, queries)


def test_adding_up_over_several_windows() -> None:
    vectors = SparseVectors.from_dicts(
        [{number % 7: 1.0 + number % 11, 7 + number % 3: 2.0} for number in range(70_000)]
    )
    check_adding_up(vectors, 0, 20, 1.0, [{0: 1.0, 7: 0.5}, {3: 2.0}])


@pytest.mark.parametrize("terms", [TERMS, TERMS + 1, 400])
def test_adding_up_many_components(terms: int) -> None:
    vectors = samples.random_vectors(600, dimension=500, per_vector=60)
    queries = naive.rows(samples.random_vectors(4, dimension=500, per_vector=terms, seed=1, empty=0))
    check_adding_up(vectors, 0, 10, 1.0, queries)


def check_adding_up(vectors: SparseVectors, count: int, k: int, share: float, queries: list[Row] | None = None) -> None:
    """`search_accumulate` and `search_exact` agree bit by bit, and the workspace comes back clean."""
    forward = quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1)
    maxima, shared = (
        find_maxima(forward, vectors.dimension, 1, lambda stage, share: None),
        share_blocks(forward, vectors.dimension, 1),
    )
    impacts = samples.readonly(find_impacts(forward, vectors.dimension))
    queries = naive.rows(samples.random_vectors(count, per_vector=6, seed=1)) if queries is None else queries
    chosen = np.random.default_rng(0).random(len(vectors)) < share
    allowed = ALL if share == 1 else np.packbits(chosen, bitorder="little")
    csr, least_scores = Queries(*samples.queries(queries)), np.zeros(len(queries), np.float32)
    found = [(np.full((len(queries), k), -7), np.full((len(queries), k), np.nan, np.float32)) for _ in range(2)]
    workspace = make_accumulate_workspace(k)
    counters, other_counters = np.zeros((2, len(queries), 4), np.int64)
    samples.readonly(maxima), samples.readonly(shared)
    (numbers, scores), (others, expected) = found
    top, other_top = TopK(scores, numbers, counters), TopK(expected, others, other_counters)
    search_accumulate_batch(impacts, shared, csr, least_scores, allowed, workspace, top)
    exact_workspace = make_exact_workspace(vectors.dimension, len(vectors))
    search_exact_batch(maxima, shared, csr, 1.0, 1.0, least_scores, allowed, exact_workspace, other_top)
    np.testing.assert_array_equal(numbers, others)
    np.testing.assert_array_equal(scores, expected)
    assert not workspace.sums.any()
    assert (counters[:, 3] == len(vectors)).all()


def test_a_workspace_may_serve_smaller_shards() -> None:
    large, small = (shard_of(samples.random_vectors(size, seed=size), SOME_DENSE) for size in (1200, 30))
    queries = naive.rows(samples.random_vectors(3, seed=1, empty=0))
    workspace = large.workspace()
    for shard in (large, small, large):
        assert_exact(shard, queries, search(shard, queries, 10, workspace=workspace))


def test_ties_go_by_number_not_position() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0}] * 20), range(0))
    numbers = np.random.default_rng(0).permutation(20).astype(np.uint32)
    shuffled = shard._replace(shared=samples.readonly(shard.shared._replace(numbers=numbers)))
    assert search(shuffled, [{0: 1.0}], 7).numbers.tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_queries_without_a_match_have_no_hits() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0}, {}], 3), range(0))
    found = search(shard, [{2: 1.0}, {}], 2)
    assert (found.numbers == -1).all()
    assert (found.scores == 0).all()
    assert found.counters[3] == 0
