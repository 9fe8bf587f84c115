"""The `exact` plan: the true top k, by bounds of shared blocks.

Add up the bounds of all blocks; visit the most promising ones, which gives a first k-th best score; visit all others
whose bound reaches it.
"""

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.bounds import TERMS, add_bounds, choose_heaviest, collect, first_floor, least_bound, restrict
from seismic.kernels.jit import jit
from seismic.kernels.maxima import GROUP, Maxima
from seismic.kernels.score import load_query, unload_query
from seismic.kernels.shared import Shared, rounding_of
from seismic.kernels.simd import stopped
from seismic.kernels.visit import ROUNDING, Reach, Workspace, kth_score, settle, visit

ROUNDS_GROW = 4
"""How many times as many groups of blocks the next round looks at: few are sorted that a k-th score then rules out."""


@jit(allocates=False)
def search_exact(
    maxima: Maxima,
    shared: Shared,
    components: U32,
    values: F32,
    heap_factor: float,
    bound_share: float,
    least_score: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (document numbers, -1 pads), best first.

    Documents that score less than `least_score`, as k of another shard do not, may be left out.

    Exact for the stored 16-bit values if `heap_factor` and `bound_share` are 1; above, what can reach less than
    heap_factor x the k-th best score is skipped, and below, only the heaviest components are bounded, as
    `choose_heaviest` has it. `allowed` uint8 [blocks]: bit i of a byte says whether document i of the block may be
    returned; empty: all may. Adds lists, blocks bounded, blocks visited and documents scored to `counters` [4].
    """
    n_blocks, terms, bounded, k = len(shared.starts) - 1, len(components), len(components), len(scores)
    half = np.float32(load_query(workspace.table, components, values) * (rounding_of(shared) + terms * ROUNDING))
    groups, scratch, size, n_found = -(-n_blocks // GROUP), workspace.bounds, 0, 0
    if bound_share < 1:
        bounded, stretch = choose_heaviest(maxima, components, values, bound_share, scratch)
    if bounded < terms:
        unit = add_bounds(maxima, scratch.components[:bounded], scratch.values[:bounded], groups, scratch)
        reach = Reach(np.float32(unit * stretch), half, bounded, heap_factor, least_score)
        size, n_found = best_first(maxima, shared, reach, allowed, workspace, k, counters)
        enough = kth_score(workspace, k, size, least_score) > 0  # if not, perhaps for want of other components
        if not enough and not stopped(workspace.stop):
            scratch.bounds[: groups * GROUP] = 0
            bounded = terms
    if bounded == terms:
        unit = add_bounds(maxima, components, values, groups, scratch)
        reach = Reach(unit, half, terms, heap_factor, least_score)
        size, n_found = best_first(maxima, shared, reach, allowed, workspace, k, counters)
    size = settle(shared, n_found, half, kth_score(workspace, k, size, least_score), workspace, scores, numbers)
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    scratch.bounds[: groups * GROUP] = 0
    counters[0] += terms
    counters[1] += n_blocks


@jit(allocates=False)
def best_first(
    maxima: Maxima,
    shared: Shared,
    reach: Reach,
    allowed: U8,
    workspace: Workspace,
    k: int,
    counters: I64,
) -> tuple[int, int]:
    """Visit the blocks with the largest bounds, and then all others that reach what was found; the sizes of `lows` and
    `found`."""
    unit, half, terms, heap_factor, least_score = reach
    n_blocks, scratch = len(shared.starts) - 1, workspace.bounds
    groups = -(-n_blocks // GROUP)
    if len(allowed) > 0:
        restrict(maxima, allowed, groups, scratch)
    size, n_found, ceiling = 0, 0, 1 << 16
    least = max(1 if terms <= TERMS else 0, least_bound(np.float32(heap_factor * least_score), unit, terms))
    wanted = max(1, min(24 + k, groups * 3 // 4))
    while ceiling > least and not stopped(workspace.stop):
        floor = max(least, first_floor(scratch, groups, wanted))  # falls: every round wants more groups
        count = collect(scratch, groups, n_blocks, floor, ceiling)
        size, n_found = visit(
            shared, count, unit, half, terms, heap_factor, least_score, allowed, workspace, k, size, n_found, counters
        )
        ceiling, wanted = floor, wanted * ROUNDS_GROW
        kth = kth_score(workspace, k, size, least_score)
        least = max(least, least_bound(np.float32(heap_factor) * kth, unit, terms))
    return size, n_found


@jit(allocates=False)
def search_exact_batch(
    maxima: Maxima,
    shared: Shared,
    indptr: I64,
    components: U32,
    values: F32,
    heap_factor: float,
    bound_share: float,
    least_scores: F32,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_exact` for the queries of a CSR triple, into rows of `scores`, `numbers` and
    `counters` [n, 4]."""
    for row in range(len(indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(indptr[row], indptr[row + 1])
        search_exact(
            maxima,
            shared,
            components[span],
            values[span],
            heap_factor,
            bound_share,
            least_scores[row],
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters[row],
        )
