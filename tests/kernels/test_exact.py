"""Exact search by upper bounds finds the true top k, by a naive oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.constants import BLOCK
from seismic.kernels.upper_bounds import (
    TERMS,
)
from seismic.query import MAX_COMPONENTS
from tests import naive, samples
from tests.kernels.shards import ALL_DENSE, ROWS, SOME_DENSE, assert_exact, search, shard_of


@pytest.mark.parametrize(("dense", "superblocks"), ROWS)
@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data())
def test_finds_the_true_top_k(
    dense: range, superblocks: bool, vectors: SparseVectors, k: int, data: st.DataObject
) -> None:
    shard = shard_of(vectors, dense, superblocks)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    found = search(shard, queries, k)
    assert_exact(shard, queries, found)
    lists, blocks, visited, scored = found.counters
    assert lists == sum(map(len, queries))
    assert blocks == len(queries) * -(-len(vectors) // BLOCK)
    assert visited <= blocks
    assert scored <= BLOCK * visited


def test_documents_that_score_nothing_do_not_end_a_bound_share() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 2.0}, *[{1: 1.0}] * 7, {2: 1.0}]), range(0))
    assert search(shard, [{0: 1.0, 2: 1.0}], 2, bound_share=0.5).numbers.tolist() == [[0, 8]]


@pytest.mark.parametrize(("dense", "superblocks"), ROWS)
@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data(), share=st.floats(0.05, 0.99))
def test_a_bound_share_finds_documents_with_their_scores(
    dense: range, superblocks: bool, vectors: SparseVectors, k: int, data: st.DataObject, share: float
) -> None:
    """Check for k documents with their true scores, not necessarily the best ones."""
    shard = shard_of(vectors, dense, superblocks)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    found, exact = search(shard, queries, k, bound_share=share), search(shard, queries, k)
    assert ((found.numbers >= 0).sum(axis=1) == (exact.numbers >= 0).sum(axis=1)).all()
    assert (found.scores <= exact.scores).all()
    for row, query in enumerate(queries):
        hits = found.numbers[row][found.numbers[row] >= 0].tolist()
        assert len(set(hits)) == len(hits)
        expected = [naive.dot(shard.documents[number], query) for number in hits]
        np.testing.assert_allclose(found.scores[row][: len(hits)], expected, rtol=1e-5)


@pytest.mark.parametrize("superblocks", [False, True])
@pytest.mark.parametrize("dense", [range(0), range(0, samples.WIDE, 2), ALL_DENSE])
@pytest.mark.parametrize("k", [1, 10, 100, 2000])
def test_several_groups_of_blocks(dense: range, k: int, superblocks: bool) -> None:
    shard = shard_of(samples.random_vectors(1300, per_vector=12), dense, superblocks)
    queries = naive.rows(samples.random_vectors(8, per_vector=6, seed=1))
    found = search(shard, queries, k)
    assert_exact(shard, queries, found)
    if k == 1:
        assert found.counters[2] < found.counters[1] / 2  # most blocks are skipped


@pytest.mark.parametrize("superblocks", [False, True])
@pytest.mark.parametrize("terms", [TERMS - 1, TERMS, TERMS + 1, 400])
def test_queries_of_many_components(terms: int, superblocks: bool) -> None:
    shard = shard_of(samples.random_vectors(600, dimension=500, per_vector=60), range(0, 500, 2), superblocks)
    queries = naive.rows(samples.random_vectors(4, dimension=500, per_vector=terms, seed=1, empty=0))
    for k in (1, 10, 600):
        assert_exact(shard, queries, search(shard, queries, k))


def test_superblocks_leave_the_number_of_visits_as_it_is() -> None:
    """Refined upper bounds are those of the blocks' own maxima."""
    vectors = samples.random_vectors(6000, dimension=60, per_vector=12)
    queries = naive.rows(samples.random_vectors(20, dimension=60, per_vector=20, seed=1, empty=0))
    without, found = (search(shard_of(vectors, range(60), having), queries, 10) for having in (False, True))
    np.testing.assert_array_equal(found.numbers, without.numbers)
    assert found.counters[2] <= 1.1 * without.counters[2]


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
