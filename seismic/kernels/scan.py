"""The `exact` plan by a scan: score every allowed document. Cheaper than upper bounds of all blocks if few are."""

import numpy as np

from seismic.kernels.arrays import F32, U8, U32
from seismic.kernels.jit import jit
from seismic.kernels.kth import forget
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import load_query, unload_query
from seismic.kernels.shared import Shared, rounding_of
from seismic.kernels.simd import stopped
from seismic.kernels.topk import Queries, TopK, top_k_of
from seismic.kernels.upper_bounds import LARGEST_BOUND, unit_of
from seismic.kernels.visit import TERM_ROUNDING, Reach, Workspace, kth_score, rescore, visit

CHUNK = 64
"""Blocks tested together for an allowed document."""


@jit(allocates=False)
def search_scan(
    maxima: Maxima,
    shared: Shared,
    components: U32,
    values: F32,
    min_score: float,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Write the top k of one query as `search_exact` does with a heap factor and a bound share of 1.

    `allowed` uint8 [blocks] is not empty. No block is counted as bounded.
    """
    terms, k = len(components), len(top.scores)
    weight_sum = load_query(workspace.table, components, values)
    code_error = np.float32(weight_sum * (rounding_of(shared) + terms * TERM_ROUNDING))
    unit, scratch = unit_of(maxima.scales, components, values), workspace.scratch
    count = _allowed_blocks(allowed, scratch.order)
    scratch.bounds[:count] = LARGEST_BOUND  # the most that a document can score
    reach = Reach(unit, code_error, terms, 1.0, min_score)
    forget(workspace.kth, unit * np.float32(LARGEST_BOUND))
    n_candidates = visit(shared, count, reach, allowed, workspace, k, 0, top.counters)
    rescore(shared, n_candidates, code_error, kth_score(workspace, k, min_score), workspace, top)
    unload_query(workspace.table, components)
    top.counters[0] += terms


@jit(allocates=False)
def _allowed_blocks(allowed: U8, order: U32) -> int:
    """Write the blocks with an allowed document to `order`, ascending, and return their number."""
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
    maxima: Maxima, shared: Shared, queries: Queries, min_scores: F32, allowed: U8, workspace: Workspace, top: TopK
) -> None:
    """Run `search_scan` for each query, with its own of `min_scores`, into its row of `top`."""
    for row in range(len(queries.indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(queries.indptr[row], queries.indptr[row + 1])
        search_scan(
            maxima,
            shared,
            queries.components[span],
            queries.values[span],
            min_scores[row],
            allowed,
            workspace,
            top_k_of(top, row),
        )
