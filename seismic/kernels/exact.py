"""The `exact` plan: the true top k."""

import numpy as np
import numpy.typing as npt

from seismic.kernels import heap
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward, QueryTable, load_query, offer, unload_query


@jit
def search_exact(
    forward: Forward,
    components: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    table: QueryTable,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    counters: npt.NDArray[np.int64],
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (-1 pads), best first, by a scan of all documents.

    Exact for the stored 16-bit values: residuals are read wherever they could change the answer. Adds the documents scored to
    `counters` [3].
    """
    weight_sum = load_query(table, components, values)
    size = 0
    for position in range(len(forward.scales)):
        size = offer(forward, position, table, weight_sum, scores, numbers, size)
    heap.sort_best_first(scores, numbers, size)
    unload_query(table, components)
    counters[3] += len(forward.scales)


@jit
def search_exact_batch(
    forward: Forward,
    indptr: npt.NDArray[np.int64],
    components: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    table: QueryTable,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    counters: npt.NDArray[np.int64],
) -> None:
    """`search_exact` for the queries of a CSR triple, into rows of `scores` and `numbers`."""
    for row in range(len(indptr) - 1):
        span = slice(indptr[row], indptr[row + 1])
        search_exact(forward, components[span], values[span], table, scores[row], numbers[row], counters)
