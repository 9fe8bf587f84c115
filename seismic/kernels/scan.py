"""Exact search by scoring whatever may be returned: cheaper than bounding all blocks if that is little."""

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.bounds import unit_of
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import load_query, unload_query
from seismic.kernels.shared import Shared, rounding_of
from seismic.kernels.simd import stopped
from seismic.kernels.visit import ROUNDING, Workspace, kth_score, settle, visit

CHUNK = 64
"""Blocks looked at together for one that is allowed."""


@jit(allocates=False)
def search_scan(
    maxima: Maxima,
    shared: Shared,
    components: U32,
    values: F32,
    least_score: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_exact`, without a heap factor; `allowed` uint8 [blocks] is not empty. Adds lists, blocks bounded (none),
    blocks visited and documents scored to `counters` [4]."""
    terms, k = len(components), len(scores)
    half = np.float32(load_query(workspace.table, components, values) * (rounding_of(shared) + terms * ROUNDING))
    unit, scratch = unit_of(maxima.scales, components, values), workspace.bounds
    count = _blocks_of(allowed, scratch.order)
    for at in range(count):
        scratch.bounds[scratch.order[at]] = 65535  # the most that a document can score
    size, n_found = visit(shared, count, unit, half, terms, 1.0, least_score, allowed, workspace, k, 0, 0, counters)
    size = settle(shared, n_found, half, kth_score(workspace, k, size, least_score), workspace, scores, numbers)
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    for at in range(count):
        scratch.bounds[scratch.order[at]] = 0
    counters[0] += terms


@jit(allocates=False)
def _blocks_of(allowed: U8, order: U32) -> int:
    """The blocks that have an allowed document into `order`, ascending; how many there are."""
    count = 0
    for start in range(0, len(allowed), CHUNK):
        stop, some = min(start + CHUNK, len(allowed)), np.uint8(0)
        for block in range(start, stop):
            some |= allowed[block]
        if some == 0:
            continue
        for block in range(start, stop):
            if allowed[block] != 0:
                order[count] = block
                count += 1
    return count


@jit(allocates=False)
def search_scan_batch(
    maxima: Maxima,
    shared: Shared,
    indptr: I64,
    components: U32,
    values: F32,
    least_scores: F32,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_scan` for the queries of a CSR triple, into rows of `scores`, `numbers` and `counters` [n, 4]."""
    for row in range(len(indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(indptr[row], indptr[row + 1])
        search_scan(
            maxima,
            shared,
            components[span],
            values[span],
            least_scores[row],
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters[row],
        )
