"""Scores of all documents of a shard, by a pass over its shared blocks."""

import numpy as np

from seismic.kernels.arrays import F32, F64, U8
from seismic.kernels.constants import BLOCK
from seismic.kernels.full_sums import full_sums
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable
from seismic.kernels.shared import Shared
from seismic.kernels.simd import stopped


@jit
def score_documents(shared: Shared, table: QueryTable, scores: F32, totals: F64, stop: U8) -> None:
    """Write the score of each document to `scores` float32 [documents] by number, as `rescore` computes it.

    It is 0 for documents without a component of the query in `table`. `totals` float64 [BLOCK] is scratch; once another
    thread sets `stop` uint8 [1], the pass ends, with scores that mean nothing.
    """
    n = len(shared.scales)
    for block in range(len(shared.starts) - 1):
        if stopped(stop):
            break
        first = block * BLOCK
        count = min(BLOCK, n - first)
        full_sums(shared, block, (1 << count) - 1, table, totals)
        for document in range(count):
            position = first + document
            score = np.float32(np.float64(shared.scales[position]) * totals[document] / 256)
            scores[np.int64(shared.numbers[position])] = score
