"""A scan of the allowed documents finds the hits of the search by upper bounds, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.scan import search_scan_batch
from seismic.kernels.topk import Queries, TopK
from seismic.kernels.upper_bounds import add_upper_bounds, restrict
from tests import naive, samples
from tests.kernels.shards import ALL_DENSE, SOME_DENSE, Found, Shard, search, shard_of
from tests.naive import Row


def scanned(shard: Shard, queries: list[Row], k: int, allowed: np.ndarray, least_score: float = 0.0) -> Found:
    """Search, and check that the workspace comes back clean."""
    workspace = shard.workspace()
    numbers, scores = np.full((len(queries), k), -7), np.full((len(queries), k), np.nan, np.float32)
    counters, least_scores = np.zeros((len(queries), 4), np.int64), np.full(len(queries), least_score, np.float32)
    csr = Queries(*samples.queries(queries))
    search_scan_batch(
        shard.maxima, shard.shared, csr, least_scores, allowed, workspace, TopK(scores, numbers, counters)
    )
    for array in (workspace.scratch.upper_bounds, *workspace.table):
        assert not array.any()
    return Found(numbers, scores, counters.sum(axis=0).tolist())


def bits(chosen: np.ndarray) -> np.ndarray:
    return np.packbits(chosen, bitorder="little")


@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data())
def test_finds_the_true_top_k_of_what_is_allowed(vectors: SparseVectors, k: int, data: st.DataObject) -> None:
    shard = shard_of(vectors, SOME_DENSE)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors))))
    found, expected = scanned(shard, queries, k, bits(chosen)), search(shard, queries, k, allowed=bits(chosen))
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.scores, expected.scores)
    documents = [row if may else {} for row, may in zip(shard.documents, chosen, strict=True)]
    for row, query in enumerate(queries):
        naive.assert_top_k(found.numbers[row], found.scores[row], documents, query)
    assert found.counters == [
        sum(map(len, queries)),
        0,
        len(queries) * np.count_nonzero(bits(chosen)),
        found.counters[3],
    ]


@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 1.0])
def test_many_blocks(share: float) -> None:
    vectors = samples.random_vectors(BLOCK * GROUP * 2 + 3, samples.WIDE, per_vector=5)
    shard = shard_of(vectors, ALL_DENSE)
    queries = naive.rows(samples.random_vectors(5, samples.WIDE, seed=1, empty=0))
    allowed = bits(np.random.default_rng(0).random(len(vectors)) < share)
    for k, least_score in ((1, 0.0), (10, 0.0), (10, 1.5)):
        found = scanned(shard, queries, k, allowed, least_score)
        expected = search(shard, queries, k, allowed=allowed, least_score=least_score)
        for one, other in zip(found[:2], expected[:2], strict=True):
            kept = expected.scores >= least_score
            np.testing.assert_array_equal(one[kept], other[kept])


@given(vectors=samples.sparse_vectors(max_size=40), data=st.data())
def test_restricting_leaves_the_bounds_of_allowed_blocks(vectors: SparseVectors, data: st.DataObject) -> None:
    shard = shard_of(vectors, SOME_DENSE)
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    _, components, values = samples.queries([query])
    scratch = shard.workspace().scratch
    add_upper_bounds(shard.maxima, components, values, 0.0, 1, scratch)
    before = scratch.upper_bounds.copy()
    blocks = -(-len(vectors) // BLOCK)
    allowed = np.array(data.draw(st.lists(st.integers(0, 3), min_size=blocks, max_size=blocks)), np.uint8)
    restrict(shard.maxima, allowed, 1, scratch)
    np.testing.assert_array_equal(scratch.upper_bounds[:blocks], np.where(allowed, before[:blocks], 0))
    assert scratch.group_maxima.tolist() == [scratch.upper_bounds.max()]
