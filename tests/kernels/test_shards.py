"""Shards searched together have the best documents of all of them."""

import numpy as np
import pytest

from seismic import SparseVectors
from seismic.kernels.held import HeldShard, hold, together
from seismic.kernels.shards import make_progress, search_shards_batch
from seismic.kernels.topk import Queries, TopK
from seismic.search.workspaces import Workspaces
from tests import naive, samples
from tests.kernels.shards import ALL, ALL_DENSE, SOME_DENSE, Found, Shard, alone, shard_of
from tests.naive import Row

SIZES = (700, 13, 300)
DIMENSION = 60


def shards_of(superblocks: bool) -> list[Shard]:
    """Return shards of random documents."""
    return [
        shard_of(
            samples.random_vectors(size, dimension=DIMENSION, per_vector=10, seed=seed),
            ALL_DENSE if seed else SOME_DENSE,
            superblocks,
        )
        for seed, size in enumerate(SIZES)
    ]


def found_together(
    shards: list[Shard], queries: list[Row], k: int, allowed: list[np.ndarray] | None = None, least: float = 0.0
) -> Found:
    """Return (numbers, scores) [queries, k], the documents of later shards numbered after those of earlier ones."""
    workspaces, firsts = Workspaces(), np.cumsum([0, *(len(shard.documents) for shard in shards)])
    sizes = tuple(len(shard.documents) for shard in shards)
    workspaces.fit(max(shard.dimension for shard in shards), max(sizes), np.zeros(1, np.uint8))
    kept = [
        hold(HeldShard(shard.maxima, shard.shared, bits, workspace, int(first)))
        for shard, bits, workspace, first in zip(
            shards, allowed or [ALL] * len(shards), workspaces.for_shards(sizes, k), firsts, strict=False
        )
    ]
    numbers, scores = np.full((len(queries), k), -7), np.full((len(queries), k), np.nan, np.float32)
    counters = np.zeros((len(queries), 4), np.int64)
    known = alone(np.full(len(queries), least, np.float32), k)
    top = TopK(scores, numbers, counters)
    rows = Queries(*samples.queries(queries))
    search_shards_batch(kept[0], together(kept), make_progress(len(kept)), rows, 1.0, known, top)
    return Found(numbers, scores, counters.sum(axis=0).tolist())


@pytest.mark.parametrize("superblocks", [False, True])
@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_the_best_of_all_shards_are_found(k: int, superblocks: bool) -> None:
    shards = shards_of(superblocks)
    documents = [row for shard in shards for row in shard.documents]
    queries = naive.rows(samples.random_vectors(6, dimension=DIMENSION, per_vector=8, seed=9, empty=0))
    found = found_together(shards, queries, k)
    for row, query in enumerate(queries):
        naive.assert_top_k(found.numbers[row], found.scores[row], documents, query)
    assert found.counters[0] == sum(map(len, queries)) * len(shards)
    assert found.counters[2] <= found.counters[1]


def test_only_allowed_documents_are_found() -> None:
    shards, rng = shards_of(True), np.random.default_rng(2)
    chosen = [rng.random(size) < 0.3 for size in SIZES]
    documents = [
        row if may else {}
        for shard, allowed in zip(shards, chosen, strict=True)
        for row, may in zip(shard.documents, allowed, strict=True)
    ]
    queries = naive.rows(samples.random_vectors(6, dimension=DIMENSION, per_vector=8, seed=9, empty=0))
    found = found_together(shards, queries, 10, [np.packbits(allowed, bitorder="little") for allowed in chosen])
    for row, query in enumerate(queries):
        naive.assert_top_k(found.numbers[row], found.scores[row], documents, query)


def test_a_shard_without_the_components_of_a_query_is_not_visited() -> None:
    first, second = (
        shard_of(SparseVectors.from_dicts([{at: 1.0 + number} for number in range(40)], 2), range(0)) for at in (0, 1)
    )
    found = found_together([first, second], [{1: 1.0}], 3)
    assert found.numbers.tolist() == [[79, 78, 77]]
    assert found.counters[2] <= len(second.shared.starts) - 1


def test_what_scores_too_little_may_be_left_out() -> None:
    shards = shards_of(False)
    (query,) = naive.rows(samples.random_vectors(1, dimension=DIMENSION, per_vector=8, seed=9, empty=0))
    whole = found_together(shards, [query], 50)
    found = found_together(shards, [query], 50, least=float(whole.scores[0, 9]))
    np.testing.assert_array_equal(found.numbers[0, :10], whole.numbers[0, :10])
    assert found.counters[2] <= whole.counters[2]
