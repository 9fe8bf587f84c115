"""Shards of given documents, and searches over them by the kernels of the plan `exact`."""

from typing import NamedTuple

import numpy as np

from seismic import SparseVectors
from seismic.kernels.exact import search_exact_batch
from seismic.kernels.maxima import Maxima
from seismic.kernels.shared import Shared
from seismic.kernels.topk import Known, Queries, TopK
from seismic.kernels.visit import Workspace, make_exact_workspace
from tests import naive, samples
from tests.naive import Row

ALL_DENSE = range(samples.WIDE)
SOME_DENSE = range(0, samples.WIDE, 2048)
ALL = np.empty(0, np.uint8)
ROWS = [
    (range(0), False),
    *((dense, superblocks) for dense in (SOME_DENSE, ALL_DENSE) for superblocks in (False, True)),
]
"""Dense components, and whether they have maxima of superblocks."""
LARGEST_K = 2000


class Shard(NamedTuple):
    documents: list[Row]
    maxima: Maxima
    shared: Shared
    dimension: int

    def workspace(self) -> Workspace:
        return make_exact_workspace(self.dimension, len(self.documents), LARGEST_K)


def shard_of(vectors: SparseVectors, dense: range, superblocks: bool = False) -> Shard:
    documents = naive.stored(naive.rows(vectors))
    maxima = samples.maxima(documents, vectors.dimension, dense, superblocks)
    return Shard(documents, maxima, samples.shared(vectors), vectors.dimension)


def alone(least_scores: np.ndarray, k: int) -> Known:
    """Return what is known of a shard that is searched apart from others."""
    return Known(least_scores, np.empty((len(least_scores), 0), np.float32), k)


class Found(NamedTuple):
    numbers: np.ndarray
    scores: np.ndarray
    counters: list[int]


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
    """Return (numbers, scores) [queries, k], and check that the workspace comes back clean."""
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
        alone(least_scores, k),
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
