"""Scoring every document for many queries at once: what a search finds by looking at few of them."""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, F64, I64, Ids
from seismic.kernels.jit import jit


class Best(NamedTuple):
    """Queries, inverted, and the k best documents of each so far.

    By component: ``starts`` int64 [dimension + 1] of ``rows`` int64 and ``weights`` float32, the queries that have it.
    By query: ``sums`` float64, 0 between documents; ``sizes`` int64 of the heaps ``scores`` float32 and ``numbers``
    int64 [queries, k].
    """

    starts: I64
    rows: I64
    weights: F32
    sums: F64
    sizes: I64
    scores: F32
    numbers: I64


@jit
def add_documents(best: Best, indptr: I64, components: Ids, values: F32, first: int) -> None:
    """Score the documents of a CSR triple, which are numbered from `first`."""
    k = best.scores.shape[1]
    for document in range(len(indptr) - 1):
        for at in range(indptr[document], indptr[document + 1]):
            component, value = np.int64(components[at]), np.float64(values[at])
            for entry in range(best.starts[component], best.starts[component + 1]):
                best.sums[best.rows[entry]] += np.float64(best.weights[entry]) * value
        for row in range(len(best.sums)):
            score, size = np.float32(best.sums[row]), best.sizes[row]
            if score > 0 and (size < k or score >= best.scores[row, 0]):
                best.sizes[row] = heap.push(best.scores[row], best.numbers[row], size, score, first + document)
            best.sums[row] = 0


@jit
def sort_best(best: Best) -> None:
    """Order every heap, best first; what is left of it becomes score 0, number -1."""
    for row in range(len(best.sizes)):
        heap.sort_best_first(best.scores[row], best.numbers[row], best.sizes[row])
