"""Term-at-a-time accumulation finds the hits of the search by upper bounds, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.impacts import find_impacts
from seismic.builder.maxima import find_maxima
from seismic.builder.quantize import quantize_vectors
from seismic.builder.shared import share_blocks
from seismic.kernels.accumulate import make_accumulate_workspace, search_accumulate_batch
from seismic.kernels.exact import search_exact_batch
from seismic.kernels.topk import Queries, TopK
from seismic.kernels.upper_bounds import (
    TERMS,
)
from seismic.kernels.visit import make_exact_workspace
from tests import naive, samples
from tests.kernels.shards import ALL, alone
from tests.naive import Row


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
    exact_workspace = make_exact_workspace(vectors.dimension, len(vectors), k)
    search_exact_batch(
        maxima,
        shared,
        csr,
        1.0,
        1.0,
        alone(least_scores, k),
        allowed,
        exact_workspace,
        other_top,
    )
    np.testing.assert_array_equal(numbers, others)
    np.testing.assert_array_equal(scores, expected)
    assert not workspace.sums.any()
    assert (counters[:, 3] == len(vectors)).all()
