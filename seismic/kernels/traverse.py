"""The `blocks` plan: estimate every block of the query's heaviest lists by its summary, visit best-first across all
lists."""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, U64, Ids
from seismic.kernels.cpu import FORM
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit
from seismic.kernels.score import (
    SAFETY,
    Forward,
    QueryTable,
    dot,
    load_query,
    make_query_table,
    offer,
    prefetch_vector,
    unload_query,
)
from seismic.kernels.signature import signature_mask
from seismic.kernels.simd import prefetch, trailing_zeros

BUCKETS = 256
AHEAD = 16
"""Documents gathered and prefetched before they are scored: enough to hide a cache miss behind scoring."""


class Blocks(NamedTuple):
    """Posting lists in blocks.

    ``lists`` int32 [dimension + 1]: list -> blocks. ``starts`` int32 [blocks + 1]: block -> postings. ``positions``
    uint32 [postings], ascending within a block.
    """

    lists: I32
    starts: I32
    positions: U32


class Summaries(NamedTuple):
    """The blocks' summaries, inverted list by list. A run is what one list's summaries hold of one component.

    ``runs`` int32 [dimension + 1]: list -> runs. ``components`` uint16 or uint32 [runs], ascending within a list.
    ``entries`` int32 [runs + 1]: run -> entries. ``numbers`` uint16 [entries]: block within its list, ascending
    within a run. ``codes`` uint8 [entries]. ``scales`` float32 [dimension]: value = scale of the list x code.
    """

    runs: I32
    components: Ids
    entries: I32
    numbers: U16
    codes: U8
    scales: F32


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``visited`` uint64 [n / 64 + 1], all 0 between searches; ``scored`` uint32 [n]: positions scored. By
    candidate block: ``estimates`` float32, ``candidates`` uint32, ``order`` uint32. ``histogram`` int64 [BUCKETS +
    1].
    """

    table: QueryTable
    visited: U64
    scored: U32
    estimates: F32
    candidates: U32
    order: U32
    histogram: I64


@jit
def make_workspace(dimension: int, documents: int, blocks: int) -> Workspace:
    """A workspace for searches that estimate at most `blocks` blocks."""
    return Workspace(
        make_query_table(dimension),
        np.zeros(documents // 64 + 1, np.uint64),
        np.empty(documents, np.uint32),
        np.empty(blocks, np.float32),
        np.empty(blocks, np.uint32),
        np.empty(blocks, np.uint32),
        np.empty(BUCKETS + 1, np.int64),
    )


@jit
def search_blocks(
    blocks: Blocks,
    summaries: Summaries,
    forward: Forward,
    components: U32,
    values: F32,
    query_cut: int,
    heap_factor: float,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (document numbers, -1 pads), best first.

    Adds lists, blocks estimated, blocks visited and documents scored to `counters` [4].
    """
    weight_sum = load_query(workspace.table, components, values)
    chosen = np.empty(min(query_cut, len(values)), np.int64)
    n_lists = select_heaviest(values, 0, len(values), chosen)
    n_blocks = 0
    for rank in range(n_lists):
        n_blocks = _estimate_list(blocks, summaries, components[chosen[rank]], workspace, n_blocks)
    highest = _sort_candidates(n_blocks, workspace)
    size = _visit(blocks, forward, n_blocks, highest, heap_factor, weight_sum, workspace, scores, numbers, counters)
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    counters[0] += n_lists
    counters[1] += n_blocks


@jit(inline=True)
def _add_run(summaries: Summaries, run: int, base: int, weight: float, estimates: F32) -> None:
    for entry in range(np.uint64(summaries.entries[run]), np.uint64(summaries.entries[run + 1])):
        estimates[np.uint64(base) + np.uint64(summaries.numbers[entry])] += weight * np.float32(summaries.codes[entry])


@jit
def _add_runs_by_signature(summaries: Summaries, first: int, last: int, base: int, workspace: Workspace) -> None:
    """Add the runs of the query's components, found 64 at a time."""
    one = np.uint64(1)
    for at in range(first, last, 64):
        mask = signature_mask(summaries.components, at, last - at, workspace.table.signature)
        while mask != 0:
            run = at + np.int64(trailing_zeros(mask))
            mask &= mask - one
            weight = workspace.table.weights[summaries.components[run]]
            if weight != 0:
                _add_run(summaries, run, base, weight, workspace.estimates)


@jit
def _add_runs_by_lookup(summaries: Summaries, first: int, last: int, base: int, workspace: Workspace) -> None:
    for run in range(first, last):
        weight = workspace.table.weights[summaries.components[run]]
        if weight != 0:
            _add_run(summaries, run, base, weight, workspace.estimates)


_add_runs = _add_runs_by_lookup if FORM == "portable" else _add_runs_by_signature


@jit
def _estimate_list(blocks: Blocks, summaries: Summaries, component: int, workspace: Workspace, base: int) -> int:
    """Append the list's blocks with their estimates, query x summary, to the candidates; the new count."""
    first, last = np.int64(blocks.lists[component]), np.int64(blocks.lists[np.int64(component) + 1])
    end = base + last - first
    for at in range(base, end):
        workspace.estimates[at] = 0
        workspace.candidates[at] = first + at - base
    _add_runs(
        summaries,
        np.int64(summaries.runs[component]),
        np.int64(summaries.runs[np.int64(component) + 1]),
        base,
        workspace,
    )
    for at in range(base, end):
        workspace.estimates[at] *= summaries.scales[component]
    return end


@jit
def _sort_candidates(n_blocks: int, workspace: Workspace) -> float:
    """Order candidates by estimate, best first, in BUCKETS equal steps (a full sort costs more than it saves); the
    highest."""
    estimates, histogram = workspace.estimates, workspace.histogram
    highest = np.float32(0)
    for at in range(n_blocks):
        highest = max(highest, estimates[at])
    unit = np.float32(BUCKETS - 1) / highest if highest > 0 else np.float32(0)
    histogram[:] = 0
    for at in range(n_blocks):
        histogram[BUCKETS - np.int64(estimates[at] * unit)] += 1
    for bucket in range(BUCKETS):
        histogram[bucket + 1] += histogram[bucket]
    for at in range(n_blocks):
        bucket = BUCKETS - 1 - np.int64(estimates[at] * unit)
        workspace.order[histogram[bucket]] = at
        histogram[bucket] += 1
    return highest


@jit
def _visit(
    blocks: Blocks,
    forward: Forward,
    n_blocks: int,
    highest: float,
    heap_factor: float,
    weight_sum: float,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> int:
    """Visit blocks in order until no estimate reaches heap_factor x k-th score; the number of hits.

    Documents are gathered, marked visited and prefetched some at a time, then scored.
    """
    step = highest / np.float32(BUCKETS - 1)
    k, size, gathered, scored, at = len(scores), 0, 0, 0, 0
    threshold = np.float32(0)
    starts, components, all_codes, scales = forward.starts, forward.components, forward.codes, forward.scales
    weights, signature = workspace.table.weights, workspace.table.signature
    half = np.float32(0.5) * weight_sum * SAFETY
    while True:
        while at < n_blocks and gathered - scored < AHEAD:
            if at + 4 < n_blocks:
                prefetch(blocks.positions, np.int64(blocks.starts[workspace.candidates[workspace.order[at + 4]]]))
            candidate = workspace.order[at]
            estimate = workspace.estimates[candidate]
            if estimate < threshold:
                if estimate + step < threshold:  # nor does any later bucket reach it
                    at = n_blocks
                    break
                at += 1
                continue
            gathered = _gather(blocks, forward, workspace.candidates[candidate], workspace, gathered)
            counters[2] += 1
            at += 1
        if scored == gathered:
            break
        while scored < gathered:
            position = np.int64(workspace.scored[scored])
            codes = dot(components, all_codes, starts[position], starts[position + 1], weights, signature)
            if size < k or scales[position] * (codes + half) >= scores[0]:
                size = offer(forward, position, codes, workspace.table, scores, numbers, size)
            scored += 1
        if size == k:
            threshold = np.float32(heap_factor) * scores[0]
    for at in range(scored):
        workspace.visited[workspace.scored[at] >> 6] = 0
    counters[3] += scored
    return size


@jit(inline=True)
def _gather(blocks: Blocks, forward: Forward, block: int, workspace: Workspace, gathered: int) -> int:
    """Queue a block's documents that were not visited yet, and prefetch them; the new length of the queue."""
    for posting in range(np.int64(blocks.starts[block]), np.int64(blocks.starts[np.int64(block) + 1])):
        position = np.int64(blocks.positions[posting])
        word, bit = position >> 6, np.uint64(1) << np.uint64(position & 63)
        if workspace.visited[word] & bit:
            continue
        workspace.visited[word] |= bit
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
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_blocks` for the queries of a CSR triple, into rows of `scores` and `numbers`."""
    for row in range(len(indptr) - 1):
        span = slice(indptr[row], indptr[row + 1])
        search_blocks(
            blocks,
            summaries,
            forward,
            components[span],
            values[span],
            query_cut,
            heap_factor,
            workspace,
            scores[row],
            numbers[row],
            counters,
        )
