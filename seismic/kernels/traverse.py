"""The `lists` plan: estimate the list blocks of the query's heaviest components, visit them best first across lists.

A list block is the part of a posting list in one shared block, so its documents lie side by side.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.candidates import initial_threshold, sort_candidates
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.estimate import estimate, load_weights
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit
from seismic.kernels.lists import Blocks, Summaries, Workspace, padded
from seismic.kernels.score import SAFETY, Forward, dot, load_query, offer, prefetch_vector, unload_query
from seismic.kernels.simd import at_least, prefetch, stopped, trailing_zeros
from seismic.kernels.topk import Queries, TopK, top_k_of

DOCUMENTS_AHEAD = 32
"""Documents gathered and prefetched before they are scored: enough to hide a cache miss behind scoring."""

FIRST_GROUPS = 24
"""Groups of list blocks examined in the first round, in addition to k."""


class Reach(NamedTuple):
    """What decides whether a list block or document can still reach the top k.

    ``factor``: list blocks are skipped below factor x the k-th score; heap factor / unit of estimates. ``code_error``:
    largest error of a sum of weight x code, in units of a document's scale.
    """

    factor: float
    code_error: float


@jit
def search_lists(
    blocks: Blocks,
    summaries: Summaries,
    forward: Forward,
    components: U32,
    values: F32,
    query_cut: int,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Write the top k of one query, found in the lists of its `query_cut` heaviest components.

    List blocks whose estimate is below heap_factor x the k-th score are skipped. `allowed` uint8 [shared blocks]: bit i
    of a byte says whether document i of the block may be returned; if it is empty, all may.
    """
    weight_sum = load_query(workspace.table, components, values)
    unit = load_weights(summaries.scales, components, values, workspace.weights)
    chosen = np.empty(min(query_cut, len(values)), np.int64)
    bases = np.zeros(len(chosen) + 1, np.int64)
    select_heaviest(values, 0, len(values), chosen)
    for rank in range(len(chosen)):
        component = np.int64(components[chosen[rank]])
        chosen[rank] = component
        size = np.int64(blocks.lists[component + 1]) - np.int64(blocks.lists[component])
        bases[rank + 1] = bases[rank] + padded(size)
        top.counters[1] += size
    estimate(summaries, chosen, bases, workspace)
    reach = Reach(heap_factor / unit, np.float32(0.5) * weight_sum * SAFETY)
    size = _visit_best_first(blocks, forward, chosen, bases, reach, allowed, workspace, top)
    heap.sort_best_first(top.scores, top.numbers, size)
    unload_query(workspace.table, components)
    for component in components:
        workspace.weights[component] = 0
    workspace.estimates[: bases[len(chosen)]] = 0
    top.counters[0] += len(chosen)


@jit(allocates=False)
def _visit_best_first(
    blocks: Blocks,
    forward: Forward,
    chosen: I64,
    bases: I64,
    reach: Reach,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> int:
    """Visit list blocks in rounds, from the largest estimates down, and return the number of hits."""
    size, scored, ceiling = 0, 0, 1 << 16
    groups, wanted = bases[len(chosen)] // GROUP, FIRST_GROUPS + len(top.scores)
    low = initial_threshold(workspace.group_maxima, groups, wanted, workspace.histogram)
    while True:
        count = _collect_list_blocks(blocks, forward, chosen, bases, low, ceiling, workspace)
        size, scored = _visit(forward, count, reach, allowed, workspace, top, size, scored)
        ceiling = low
        low = min(_threshold(top.scores, size, reach.factor), ceiling)
        if low == ceiling or stopped(workspace.stop):
            break
    for place in range(scored):
        workspace.visited[workspace.scored[place] // np.uint32(BLOCK)] = 0
    top.counters[3] += scored
    return size


@jit(inline=True)
def _threshold(scores: F32, size: int, factor: float) -> int:
    """Return the smallest estimate to visit."""
    return np.int64(min(65535.0, factor * scores[0])) if size == len(scores) else np.int64(0)


@jit(allocates=False)
def _collect_list_blocks(
    blocks: Blocks, forward: Forward, chosen: I64, bases: I64, low: int, ceiling: int, workspace: Workspace
) -> int:
    """Order the list blocks with low <= estimate < ceiling, best first, and return their number."""
    one, count, high = np.uint64(1), 0, low
    for rank in range(len(chosen)):
        first = np.int64(blocks.lists[chosen[rank]])
        end = bases[rank] + np.int64(blocks.lists[chosen[rank] + 1]) - first
        for start in range(bases[rank], end, GROUP):
            if workspace.group_maxima[start // GROUP] < low:
                continue
            mask = np.uint64(at_least(workspace.estimates, start, np.uint16(low)))
            while mask != 0:
                place = start + np.int64(trailing_zeros(mask))
                mask &= mask - one
                estimated = np.int64(workspace.estimates[place])
                if estimated < ceiling and place < end:
                    member = blocks.members[first + place - bases[rank]]
                    workspace.members[count], workspace.keys[count] = member, estimated
                    prefetch(forward.starts, np.int64(member >> np.uint32(8)) * BLOCK)
                    count += 1
                    high = max(high, estimated)
    sort_candidates(workspace.keys, count, low, high, workspace.histogram, workspace.order)
    return count


@jit(allocates=False)
def _visit(
    forward: Forward,
    count: int,
    reach: Reach,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
    size: int,
    scored: int,
) -> tuple[int, int]:
    """Visit the ordered candidates that can still reach the top k.

    Takes and returns the size of the heap `top` and the number of documents scored. Documents are gathered, marked as
    visited and prefetched some at a time, then scored.
    """
    k, gathered, upcoming = len(top.scores), scored, 0
    starts, components, all_codes, scales = forward.starts, forward.components, forward.codes, forward.scales
    weights, signature = workspace.table.weights, workspace.table.signature
    factor, code_error = reach
    threshold = _threshold(top.scores, size, factor)
    while True:
        if stopped(workspace.stop):
            upcoming = count  # documents gathered are marked as visited: score them, which clears the marks
        while upcoming < count and gathered - scored < DOCUMENTS_AHEAD:
            candidate = workspace.order[upcoming]
            upcoming += 1
            if np.int64(workspace.keys[candidate]) < threshold:
                continue
            gathered = _gather(forward, workspace.members[candidate], allowed, workspace, gathered)
            top.counters[2] += 1
        if scored == gathered:
            break
        waiting = DOCUMENTS_AHEAD // 2 if upcoming < count else 0
        while gathered - scored > waiting:
            position = np.int64(workspace.scored[scored])
            codes = dot(components, all_codes, starts[position], starts[position + 1], weights, signature)
            if size < k or scales[position] * (codes + code_error) >= top.scores[0]:
                size = offer(forward, position, workspace.table, top.scores, top.numbers, size)
            scored += 1
        threshold = _threshold(top.scores, size, factor)
    return size, scored


@jit(inline=True)
def _gather(forward: Forward, member: int, allowed: U8, workspace: Workspace, gathered: int) -> int:
    """Queue and prefetch a list block's documents that are allowed and not visited yet.

    Takes and returns the length of the queue.
    """
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
def search_lists_batch(
    blocks: Blocks,
    summaries: Summaries,
    forward: Forward,
    queries: Queries,
    query_cut: int,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Run `search_lists` for each query into its row of `top`."""
    for row in range(len(queries.indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(queries.indptr[row], queries.indptr[row + 1])
        search_lists(
            blocks,
            summaries,
            forward,
            queries.components[span],
            queries.values[span],
            query_cut,
            heap_factor,
            allowed,
            workspace,
            top_k_of(top, row),
        )
