"""Exhaustive search: score every document for many queries at once. A reference for measuring recall."""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, F64, I64, Ids
from seismic.kernels.jit import jit


class Best(NamedTuple):
    """Inverted queries, and the k best documents of each so far.

    ``starts`` int64 [dimension + 1]: component -> the queries that have it, ``rows`` int64 and ``weights`` float32. By
    query: ``sums`` float64, 0 between documents; ``sizes`` int64 of the heaps ``scores`` float32 and ``numbers`` int64
    [queries, k].
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
    """Score the documents of a CSR triple, numbered from `first`."""
    k = best.scores.shape[1]
    for document in range(len(indptr) - 1):
        for place in range(indptr[document], indptr[document + 1]):
            component, value = np.int64(components[place]), np.float64(values[place])
            for entry in range(best.starts[component], best.starts[component + 1]):
                best.sums[best.rows[entry]] += np.float64(best.weights[entry]) * value
        for row in range(len(best.sums)):
            score, size = np.float32(best.sums[row]), best.sizes[row]
            if score > 0 and (size < k or score >= best.scores[row, 0]):
                best.sizes[row] = heap.push(best.scores[row], best.numbers[row], size, score, first + document)
            best.sums[row] = 0


@jit
def sort_best(best: Best) -> None:
    """Sort every heap, best first, padded with score 0 and number -1."""
    for row in range(len(best.sizes)):
        heap.sort_best_first(best.scores[row], best.numbers[row], best.sizes[row])
