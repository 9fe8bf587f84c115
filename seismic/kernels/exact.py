"""The `exact` plan by upper bounds of shared blocks: the true top k.

Add the upper bounds of all blocks. Visit the blocks with the largest ones, which gives a first k-th score, then all
others whose upper bound reaches it.
"""

import numpy as np

from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.best import write_best
from seismic.kernels.candidate_blocks import collect_blocks, refine, sort_blocks
from seismic.kernels.candidates import initial_threshold
from seismic.kernels.constants import GROUP
from seismic.kernels.jit import jit
from seismic.kernels.kth import forget, keep
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import load_query, unload_query
from seismic.kernels.shared import Shared, rounding_of
from seismic.kernels.simd import stopped
from seismic.kernels.topk import Known, Queries, TopK, top_k_of
from seismic.kernels.upper_bounds import (
    LARGEST_BOUND,
    TERMS,
    add_upper_bounds,
    bound_threshold,
    choose_heaviest,
    restrict,
    unit_of,
)
from seismic.kernels.visit import TERM_ROUNDING, Reach, Workspace, kth_score, rescore, visit

FIRST_GROUPS = 24
"""Groups of blocks examined in the first round, in addition to k."""

GROWTH = 4
"""Growth factor of the groups of blocks examined per round. Few blocks are sorted that a k-th score then rules out."""


@jit(inline=True)
def light_share_of(rank: int) -> float:
    """Return the share of the largest possible score that superblocks may bound. Refining the bounds of blocks that may
    be among the `rank` best costs more, the more they are."""
    return 0.15 if rank <= 32 else 0.05 if rank <= 128 else 0.0


@jit(allocates=False)
def search_exact(
    maxima: Maxima,
    shared: Shared,
    components: U32,
    values: F32,
    heap_factor: float,
    bound_share: float,
    min_score: float,
    earlier: F32,
    rank: int,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Write the top k of one query.

    Exact for the stored 16-bit values if `heap_factor` and `bound_share` are 1. A larger heap factor skips blocks that
    reach less than heap_factor x the k-th score. A smaller bound share bounds only the heaviest components, as
    `choose_heaviest` selects them. Documents that score less than `min_score` may be missing, and so may those that are
    not among the `rank` best of this shard's documents and the hits of other shards, whose scores are `earlier` float32
    [m]. `allowed` uint8 [blocks]: bit i of a byte says whether document i of the block may be returned; if it is
    empty, all may.
    """
    n_blocks, terms, bounded = len(shared.starts) - 1, len(components), len(components)
    if (
        bound_threshold(np.float32(heap_factor) * min_score, unit_of(maxima.scales, components, values), terms)
        > LARGEST_BOUND
    ):
        write_best(workspace.best, 0, top.scores, top.numbers)  # not even all maxima together reach `min_score`
        return
    weight_sum = load_query(workspace.table, components, values)
    code_error = np.float32(weight_sum * (rounding_of(shared) + terms * TERM_ROUNDING))
    groups, scratch, n_candidates = -(-n_blocks // GROUP), workspace.scratch, 0
    light_share = light_share_of(rank)
    if bound_share < 1:
        bounded, stretch = choose_heaviest(maxima, components, values, bound_share, scratch)
    if bounded < terms:
        unit, n_light = add_upper_bounds(
            maxima, scratch.components[:bounded], scratch.values[:bounded], light_share, groups, scratch
        )
        reach = Reach(np.float32(unit * stretch), code_error, bounded, heap_factor, min_score)
        n_candidates = visit_best_first(maxima, shared, reach, n_light, earlier, rank, allowed, workspace, top.counters)
        enough = kth_score(workspace, rank, min_score) > 0  # if not, other components may match more documents
        if not enough and not stopped(workspace.stop):
            scratch.upper_bounds[: groups * GROUP] = 0
            bounded = terms
    if bounded == terms:
        unit, n_light = add_upper_bounds(maxima, components, values, light_share, groups, scratch)
        reach = Reach(unit, code_error, terms, heap_factor, min_score)
        n_candidates = visit_best_first(maxima, shared, reach, n_light, earlier, rank, allowed, workspace, top.counters)
    rescore(shared, n_candidates, code_error, kth_score(workspace, rank, min_score), workspace, top)
    unload_query(workspace.table, components)
    scratch.upper_bounds[: groups * GROUP] = 0
    top.counters[0] += terms
    top.counters[1] += n_blocks


@jit(allocates=False)
def visit_best_first(
    maxima: Maxima,
    shared: Shared,
    reach: Reach,
    n_light: int,
    earlier: F32,
    rank: int,
    allowed: U8,
    workspace: Workspace,
    counters: I64,
) -> int:
    """Visit blocks in rounds, from the largest upper bounds down to those that can still reach the top k.

    Returns the number of ``candidates``.
    """
    n_blocks, scratch = len(shared.starts) - 1, workspace.scratch
    groups = -(-n_blocks // GROUP)
    if len(allowed) > 0:
        restrict(maxima, allowed, groups, scratch)
    n_candidates, ceiling = 0, 1 << 16
    forget(workspace.kth, reach.unit * np.float32(LARGEST_BOUND))
    for score in earlier:
        keep(workspace.kth, rank, score)
    kth = kth_score(workspace, rank, reach.min_score)
    threshold = bound_threshold(np.float32(reach.heap_factor) * kth, reach.unit, reach.terms)
    threshold = max(1 if reach.terms <= TERMS else 0, threshold)
    wanted = max(1, min(FIRST_GROUPS + rank, groups * 3 // 4))
    while ceiling > threshold and not stopped(workspace.stop):
        # Falls from round to round, because every round wants more groups.
        low = max(threshold, initial_threshold(scratch.group_maxima, groups, wanted, scratch.histogram))
        count = collect_blocks(scratch, groups, n_blocks, low, ceiling)
        if n_light > 0:
            count = refine(maxima, n_light, count, threshold, scratch)
        sort_blocks(scratch, count)
        n_candidates = visit(shared, count, reach, allowed, workspace, rank, n_candidates, counters)
        ceiling, wanted = low, wanted * GROWTH
        kth = kth_score(workspace, rank, reach.min_score)
        threshold = max(threshold, bound_threshold(np.float32(reach.heap_factor) * kth, reach.unit, reach.terms))
    return n_candidates


@jit(allocates=False)
def search_exact_batch(
    maxima: Maxima,
    shared: Shared,
    queries: Queries,
    heap_factor: float,
    bound_share: float,
    known: Known,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Run `search_exact` for each query into its row of `top`."""
    for row in range(len(queries.indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(queries.indptr[row], queries.indptr[row + 1])
        search_exact(
            maxima,
            shared,
            queries.components[span],
            queries.values[span],
            heap_factor,
            bound_share,
            known.min_scores[row],
            known.earlier[row],
            known.rank,
            allowed,
            workspace,
            top_k_of(top, row),
        )
