"""The `exact` plan over several shards at once: bound the blocks of all, and visit the best of them first.

All shards share one k-th score, so that two cost little more than one of the same documents: a shard whose blocks
cannot reach that score is not visited.
"""

from typing import Any, NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U16, U32
from seismic.kernels.best import write_best
from seismic.kernels.candidate_blocks import collect_blocks, refine, sort_blocks
from seismic.kernels.candidates import KEY_BITS
from seismic.kernels.constants import GROUP
from seismic.kernels.exact import FIRST_GROUPS, GROWTH, light_share_of
from seismic.kernels.held import arrays_at, take_query
from seismic.kernels.jit import jit
from seismic.kernels.kth import forget
from seismic.kernels.score import load_query, unload_query
from seismic.kernels.shared import rounding_of
from seismic.kernels.simd import stopped
from seismic.kernels.topk import Known, Queries, TopK, top_k_of
from seismic.kernels.upper_bounds import (
    LARGEST_BOUND,
    STEPS,
    TERMS,
    add_upper_bounds,
    bound_threshold,
    restrict,
)
from seismic.kernels.visit import TERM_ROUNDING, Reach, add_best, kth_score, visit

FACTOR_BITS = 16
"""Bits of the factor that brings the upper bounds of a shard to the largest unit of any."""

STEP_BITS = FACTOR_BITS + KEY_BITS - int(np.log2(STEPS))
"""Bits of such a bound below a step."""


class Progress(NamedTuple):
    """What a search knows of each shard: ``units`` float32 [shards]: the score that one unit of its upper bounds stands
    for; ``lights``: the number of components that superblocks bound; ``candidates``; ``ceilings``: the upper bound down
    to which blocks were visited; int64 [shards] each.
    """

    units: F32
    lights: I64
    candidates: I64
    ceilings: I64


@jit
def make_progress(shards: int) -> Progress:
    """Make the arrays of a search."""
    lights, candidates, ceilings = np.zeros(shards, np.int64), np.zeros(shards, np.int64), np.zeros(shards, np.int64)
    return Progress(np.zeros(shards, np.float32), lights, candidates, ceilings)


@jit(allocates=False)
def search_shards(
    like: Any,
    shards: Any,
    progress: Progress,
    components: U32,
    values: F32,
    heap_factor: float,
    min_score: float,
    rank: int,
    top: TopK,
) -> None:
    """Write the top k of one query over several shards, as `search_exact` does for one with a bound share of 1.

    `shards`: from `together`; `like` is one of them. Their workspaces share everything except upper bounds, what makes
    them up, and candidates.
    """
    n_shards, terms = len(shards), len(components)
    work, groups, unit = arrays_at(like, shards, 0).workspace, 0, np.float32(0)
    weight_sum = load_query(work.table, components, values)
    for at in range(n_shards):
        shard = arrays_at(like, shards, at)
        n_groups, scratch = _groups_of(shard), shard.workspace.scratch
        progress.units[at], progress.lights[at] = add_upper_bounds(
            shard.maxima, components, values, light_share_of(rank), n_groups, scratch
        )
        if len(shard.allowed) > 0:
            restrict(shard.maxima, shard.allowed, n_groups, scratch)
        progress.candidates[at], progress.ceilings[at] = 0, LARGEST_BOUND + 1
        if terms <= TERMS and not _any(scratch.group_maxima, n_groups):
            progress.ceilings[at] = 0  # no document has any of the components, and the unit is arbitrary
        else:
            unit, groups = max(unit, progress.units[at]), groups + n_groups
        top.counters[0] += terms
        top.counters[1] += len(shard.shared.starts) - 1
    forget(work.kth, unit * np.float32(LARGEST_BOUND))
    wanted = max(1, min(FIRST_GROUPS + rank, groups * 3 // 4))
    while not stopped(work.stop) and _unfinished(progress, kth_score(work, rank, min_score) * heap_factor, terms):
        step = _first_step(like, shards, progress, unit, wanted)
        for at in range(n_shards):
            if progress.ceilings[at] > 0:
                shard = arrays_at(like, shards, at)
                error = np.float32(weight_sum * (rounding_of(shard.shared) + terms * TERM_ROUNDING))
                reach = Reach(progress.units[at], error, terms, heap_factor, min_score)
                low = -(-(step << STEP_BITS) // _factor(progress.units[at], unit))
                _visit_down_to(shard, reach, rank, progress, at, low, top.counters)
        wanted *= GROWTH
    size, kth = 0, kth_score(work, rank, min_score)
    for at in range(n_shards):
        shard = arrays_at(like, shards, at)
        error = np.float32(weight_sum * (rounding_of(shard.shared) + terms * TERM_ROUNDING))
        size = add_best(
            shard.shared, progress.candidates[at], error, kth, shard.first, size, len(top.scores), shard.workspace
        )
        shard.workspace.scratch.upper_bounds[: _groups_of(shard) * GROUP] = 0
    write_best(work.best, size, top.scores, top.numbers)
    unload_query(work.table, components)


@jit(allocates=False)
def _unfinished(progress: Progress, limit: float, terms: int) -> bool:
    """Return whether a shard may have blocks that reach a score and were not visited."""
    for at in range(len(progress.units)):
        if progress.ceilings[at] > _least_bound(limit, progress.units[at], terms):
            return True
    return False


@jit(allocates=False)
def _least_bound(limit: float, unit: float, terms: int) -> int:
    """Return the smallest upper bound of the blocks that may reach a score, and at least share a component."""
    return max(1 if terms <= TERMS else 0, bound_threshold(np.float32(limit), unit, terms))


@jit(allocates=False)
def _any(group_maxima: U16, groups: int) -> bool:
    """Return whether a block of these groups has an upper bound above 0."""
    group = 0
    while group < groups and group_maxima[group] == 0:
        group += 1
    return group < groups


@jit(inline=True)
def _groups_of(shard: Any) -> int:
    return -(-(len(shard.shared.starts) - 1) // GROUP)


@jit(inline=True)
def _factor(own: float, unit: float) -> int:
    """Return a factor of upper bounds in units of `own`, so that their steps are those of bounds in units of `unit`."""
    return max(1, np.int64(np.float64(own) / np.float64(unit) * (1 << FACTOR_BITS)))


@jit(allocates=False)
def _first_step(like: Any, shards: Any, progress: Progress, unit: float, wanted: int) -> int:
    """Return a step of bounds in units of `unit` that at least `wanted` groups reach, or 0 if there are fewer."""
    histogram = arrays_at(like, shards, 0).workspace.scratch.histogram
    histogram[:] = 0
    for at in range(len(shards)):
        if progress.ceilings[at] > 0:
            shard = arrays_at(like, shards, at)
            factor, maxima = _factor(progress.units[at], unit), shard.workspace.scratch.group_maxima
            for group in range(_groups_of(shard)):
                histogram[(np.int64(maxima[group]) * factor) >> STEP_BITS] += 1
    step = STEPS
    while step > 0 and wanted > 0:
        step -= 1
        wanted -= histogram[step]
    return step


@jit(allocates=False)
def _visit_down_to(shard: Any, reach: Reach, rank: int, progress: Progress, at: int, low: int, counters: I64) -> None:
    """Visit the blocks of a shard with upper bounds from `low` on that can still reach the top k."""
    workspace, n_blocks = shard.workspace, len(shard.shared.starts) - 1
    kth, ceiling = kth_score(workspace, rank, reach.min_score), progress.ceilings[at]
    least = _least_bound(reach.heap_factor * kth, reach.unit, reach.terms)
    low = max(low, least)
    if low < ceiling:
        count = collect_blocks(workspace.scratch, _groups_of(shard), n_blocks, low, ceiling)
        if progress.lights[at] > 0:
            count = refine(shard.maxima, progress.lights[at], count, least, workspace.scratch)
        sort_blocks(workspace.scratch, count)
        progress.candidates[at] = visit(
            shard.shared, count, reach, shard.allowed, workspace, rank, progress.candidates[at], counters
        )
        progress.ceilings[at] = low


@jit(allocates=False)
def search_shards_batch(
    like: Any, shards: Any, progress: Progress, queries: Queries, heap_factor: float, known: Known, top: TopK
) -> None:
    """Run `search_shards` for each query into its row of `top`."""
    for row in range(len(queries.indptr) - 1):
        if stopped(arrays_at(like, shards, 0).workspace.stop):
            break
        span = slice(queries.indptr[row], queries.indptr[row + 1])
        components, values = queries.components[span], queries.values[span]
        search_shards(
            like,
            shards,
            progress,
            components,
            values,
            heap_factor,
            known.min_scores[row],
            known.rank,
            top_k_of(top, row),
        )


@jit
def search_held_shards(
    row: Any,
    like: Any,
    shards: Any,
    progress: Progress,
    heap_factor: float,
    terms: int,
    least: float,
    most: float,
) -> bool:
    """Run `search_shards_batch` for one query, if `take_query` takes it; return whether it does."""
    of = row.arrays
    if not take_query(of, terms, len(like.arrays.maxima.scales), least, most):
        return False
    queries = Queries(of.indptr, of.components[:terms], of.values[:terms])
    search_shards_batch(like, shards, progress, queries, heap_factor, of.known, of.top)
    return True
