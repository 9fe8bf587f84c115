"""The `blocks` plan: estimate every block of the query's heaviest lists by its summary, visit best-first across all
lists.

A list block is what a posting list has of a shared block, so its documents lie side by side.
"""

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.estimate import estimate, load_weights
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit
from seismic.kernels.lists import BUCKETS, Blocks, Summaries, Workspace, padded
from seismic.kernels.maxima import BLOCK, GROUP
from seismic.kernels.score import SAFETY, Forward, dot, load_query, offer, prefetch_vector, unload_query
from seismic.kernels.simd import at_least, prefetch, stopped, trailing_zeros

AHEAD = 32
"""Documents gathered and prefetched before they are scored: enough to hide a cache miss behind scoring."""


@jit
def search_blocks(
    blocks: Blocks,
    summaries: Summaries,
    forward: Forward,
    components: U32,
    values: F32,
    query_cut: int,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (document numbers, -1 pads), best first.

    `allowed` uint8 [shared blocks]: bit i of a byte says whether document i of the block may be returned; empty: all
    may. Adds lists, blocks estimated, blocks visited and documents scored to `counters` [4].
    """
    weight_sum = load_query(workspace.table, components, values)
    unit = load_weights(summaries.scales, components, values, workspace.weights)
    chosen = np.empty(min(query_cut, len(values)), np.int64)
    bases = np.zeros(len(chosen) + 1, np.int64)
    n_lists = select_heaviest(values, 0, len(values), chosen)
    for rank in range(n_lists):
        component = np.int64(components[chosen[rank]])
        chosen[rank] = component
        size = np.int64(blocks.lists[component + 1]) - np.int64(blocks.lists[component])
        bases[rank + 1] = bases[rank] + padded(size)
        counters[1] += size
    estimate(summaries, chosen, bases, n_lists, workspace)
    size = _visit_all(
        blocks,
        forward,
        chosen,
        bases,
        n_lists,
        heap_factor / unit,
        weight_sum,
        allowed,
        workspace,
        scores,
        numbers,
        counters,
    )
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    for component in components:
        workspace.weights[component] = 0
    workspace.estimates[: bases[n_lists]] = 0
    counters[0] += n_lists


@jit
def _visit_all(
    blocks: Blocks,
    forward: Forward,
    chosen: I64,
    bases: I64,
    n_lists: int,
    factor: float,
    weight_sum: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> int:
    """Visit blocks, best estimate first, until none reaches `factor` x the k-th score; the number of hits."""
    size, scored, ceiling = 0, 0, 1 << 16
    floor = _first_floor(workspace, bases[n_lists] // GROUP, 24 + len(scores))
    while True:
        count = _collect(blocks, forward, chosen, bases, n_lists, floor, ceiling, workspace)
        size, scored = _visit(
            forward, count, factor, weight_sum, allowed, workspace, scores, numbers, size, scored, counters
        )
        ceiling = floor
        floor = min(_least(scores, size, factor), ceiling)
        if floor == ceiling or stopped(workspace.stop):
            break
    for at in range(scored):
        workspace.visited[workspace.scored[at] // np.uint32(BLOCK)] = 0
    counters[3] += scored
    return size


@jit(inline=True)
def _least(scores: F32, size: int, factor: float) -> int:
    """The smallest estimate to visit."""
    return np.int64(min(65535.0, factor * scores[0])) if size == len(scores) else np.int64(0)


@jit
def _first_floor(workspace: Workspace, groups: int, wanted: int) -> int:
    """An estimate that the best `wanted` groups reach: their blocks give a first k-th score."""
    histogram = workspace.histogram
    histogram[:] = 0
    for group in range(groups):
        histogram[workspace.tops[group] >> 8] += 1
    bucket = BUCKETS
    while bucket > 0 and wanted > 0:
        bucket -= 1
        wanted -= histogram[bucket]
    return bucket << 8


@jit
def _collect(
    blocks: Blocks,
    forward: Forward,
    chosen: I64,
    bases: I64,
    n_lists: int,
    floor: int,
    ceiling: int,
    workspace: Workspace,
) -> int:
    """Order the blocks with floor <= estimate < ceiling, best first in BUCKETS steps; how many there are."""
    one, count, top = np.uint64(1), 0, floor
    for rank in range(n_lists):
        first = np.int64(blocks.lists[chosen[rank]])
        end = bases[rank] + np.int64(blocks.lists[chosen[rank] + 1]) - first
        for start in range(bases[rank], end, GROUP):
            if workspace.tops[start // GROUP] < floor:
                continue
            mask = np.uint64(at_least(workspace.estimates, start, np.uint16(floor)))
            while mask != 0:
                at = start + np.int64(trailing_zeros(mask))
                mask &= mask - one
                estimate = np.int64(workspace.estimates[at])
                if estimate < ceiling and at < end:
                    member = blocks.members[first + at - bases[rank]]
                    workspace.members[count], workspace.bounds[count] = member, estimate
                    prefetch(forward.starts, np.int64(member >> np.uint32(8)) * BLOCK)
                    count += 1
                    top = max(top, estimate)
    _sort(workspace, count, floor, top)
    return count


@jit
def _sort(workspace: Workspace, count: int, floor: int, top: int) -> None:
    """Counting sort of the candidates by estimate into `order`: a full sort costs more than it saves."""
    histogram, step = workspace.histogram, np.float32(BUCKETS - 1) / np.float32(max(1, top - floor))
    histogram[:] = 0
    for at in range(count):
        histogram[BUCKETS - np.int64(np.float32(np.int64(workspace.bounds[at]) - floor) * step)] += 1
    for bucket in range(BUCKETS):
        histogram[bucket + 1] += histogram[bucket]
    for at in range(count):
        bucket = BUCKETS - 1 - np.int64(np.float32(np.int64(workspace.bounds[at]) - floor) * step)
        workspace.order[histogram[bucket]] = at
        histogram[bucket] += 1


@jit
def _visit(
    forward: Forward,
    count: int,
    factor: float,
    weight_sum: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    size: int,
    scored: int,
    counters: I64,
) -> tuple[int, int]:
    """Visit the ordered candidates that reach `factor` x the k-th score; (the heap's size, documents scored).

    Documents are gathered, marked visited and prefetched some at a time, then scored.
    """
    k, gathered, upcoming = len(scores), scored, 0
    starts, components, all_codes, scales = forward.starts, forward.components, forward.codes, forward.scales
    weights, signature = workspace.table.weights, workspace.table.signature
    half = np.float32(0.5) * weight_sum * SAFETY
    least = _least(scores, size, factor)
    while True:
        if stopped(workspace.stop):
            upcoming = count  # what is gathered is marked as visited: score it, so that it is unmarked
        while upcoming < count and gathered - scored < AHEAD:
            candidate = workspace.order[upcoming]
            upcoming += 1
            if np.int64(workspace.bounds[candidate]) < least:
                continue
            gathered = _gather(forward, workspace.members[candidate], allowed, workspace, gathered)
            counters[2] += 1
        if scored == gathered:
            break
        waiting = AHEAD // 2 if upcoming < count else 0
        while gathered - scored > waiting:
            position = np.int64(workspace.scored[scored])
            codes = dot(components, all_codes, starts[position], starts[position + 1], weights, signature)
            if size < k or scales[position] * (codes + half) >= scores[0]:
                size = offer(forward, position, workspace.table, scores, numbers, size)
            scored += 1
        least = _least(scores, size, factor)
    return size, scored


@jit(inline=True)
def _gather(forward: Forward, member: int, allowed: U8, workspace: Workspace, gathered: int) -> int:
    """Queue a block's documents that may be returned and were not visited yet, and prefetch them; the new length of
    the queue."""
    block = np.int64(member >> np.uint32(8))
    documents = np.uint64(member & np.uint32(255)) & ~np.uint64(workspace.visited[block])
    if len(allowed) > 0:
        documents &= np.uint64(allowed[block])
    workspace.visited[block] |= np.uint8(documents)
    while documents != 0:
        position = block * BLOCK + np.int64(trailing_zeros(documents))
        documents &= documents - np.uint64(1)
        workspace.scored[gathered] = position
        gathered += 1
        prefetch(forward.scales, position)
        start, stop = np.int64(forward.starts[position]), np.int64(forward.starts[position + 1])
        prefetch_vector(forward.components, forward.codes, start, stop)
    return gathered


@jit
def search_blocks_batch(
    blocks: Blocks,
    summaries: Summaries,
    forward: Forward,
    indptr: I64,
    components: U32,
    values: F32,
    query_cut: int,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_blocks` for the queries of a CSR triple, into rows of `scores`, `numbers` and
    `counters` [n, 4]."""
    for row in range(len(indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(indptr[row], indptr[row + 1])
        search_blocks(
            blocks,
            summaries,
            forward,
            components[span],
            values[span],
            query_cut,
            heap_factor,
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters[row],
        )
