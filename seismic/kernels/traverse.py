"""The `blocks` plan: estimate every block of the query's heaviest lists by its summary, visit best-first across all lists."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.kernels import heap, simd
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward, QueryTable, load_query, offer, prefetch_vector, unload_query
from seismic.kernels.simd import prefetch, signature_mask, trailing_zeros

BUCKETS = 256
AHEAD = 16
"""Documents gathered and prefetched before they are scored: enough to hide a cache miss behind scoring."""


class Lists(NamedTuple):
    """Posting lists in blocks, and their summaries, inverted.

    ``blocks`` int32 [dimension + 1]: list -> blocks. ``starts`` int32 [blocks + 1]: block -> postings. ``positions`` uint32
    [postings]. ``runs`` int32 [dimension + 1]: list -> runs of its summaries. ``components`` uint16 or uint32 [runs].
    ``entries`` int32 [runs + 1]: run -> entries. ``numbers`` uint16 [entries]: block within its list. ``codes`` uint8 [entries].
    ``scales`` float32 [dimension].
    """

    blocks: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    positions: npt.NDArray[np.uint32]
    runs: npt.NDArray[np.int32]
    components: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    entries: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float32]


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``visited`` uint64 [n / 64 + 1], all 0 between searches; ``scored`` uint32 [n]: positions scored.
    By candidate block: ``estimates`` float32, ``candidates`` uint32, ``order`` uint32. ``histogram`` int64 [BUCKETS + 1].
    """

    table: QueryTable
    visited: npt.NDArray[np.uint64]
    scored: npt.NDArray[np.uint32]
    estimates: npt.NDArray[np.float32]
    candidates: npt.NDArray[np.uint32]
    order: npt.NDArray[np.uint32]
    histogram: npt.NDArray[np.int64]


@jit
def make_workspace(dimension: int, documents: int, blocks: int) -> Workspace:
    """A workspace for searches that estimate at most `blocks` blocks."""
    return Workspace(
        QueryTable(np.zeros(dimension, np.float32), np.zeros(128, np.uint8)),
        np.zeros(documents // 64 + 1, np.uint64),
        np.empty(documents, np.uint32),
        np.empty(blocks, np.float32),
        np.empty(blocks, np.uint32),
        np.empty(blocks, np.uint32),
        np.empty(BUCKETS + 1, np.int64),
    )


@jit
def search_blocks(
    lists: Lists,
    forward: Forward,
    components: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    query_cut: int,
    heap_factor: float,
    workspace: Workspace,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    counters: npt.NDArray[np.int64],
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (document numbers, -1 pads), best first.

    Adds lists, blocks estimated, blocks visited and documents scored to `counters` [4].
    """
    weight_sum = load_query(workspace.table, components, values)
    chosen = np.empty(min(query_cut, len(values)), np.int64)
    n_lists = select_heaviest(values, 0, len(values), chosen)
    n_blocks = 0
    for rank in range(n_lists):
        n_blocks = _estimate_list(lists, components[chosen[rank]], workspace, n_blocks)
    highest = _sort_candidates(n_blocks, workspace)
    size = _visit(lists, forward, n_blocks, highest, heap_factor, weight_sum, workspace, scores, numbers, counters)
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    counters[0] += n_lists
    counters[1] += n_blocks


@jit
def _add_run(lists: Lists, run: int, base: int, weight: float, estimates: npt.NDArray[np.float32]) -> None:
    for entry in range(np.uint64(lists.entries[run]), np.uint64(lists.entries[run + 1])):
        estimates[np.uint64(base) + np.uint64(lists.numbers[entry])] += weight * np.float32(lists.codes[entry])


@jit
def _add_runs_by_signature(lists: Lists, first: int, last: int, base: int, workspace: Workspace) -> None:
    """Add the runs of the query's components, found 64 at a time."""
    one = np.uint64(1)
    for at in range(first, last, 64):
        mask = signature_mask(lists.components, at, last - at, workspace.table.signature)
        while mask != 0:
            run = at + np.int64(trailing_zeros(mask))
            mask &= mask - one
            weight = workspace.table.weights[lists.components[run]]
            if weight != 0:
                _add_run(lists, run, base, weight, workspace.estimates)


@jit
def _add_runs_by_lookup(lists: Lists, first: int, last: int, base: int, workspace: Workspace) -> None:
    for run in range(first, last):
        weight = workspace.table.weights[lists.components[run]]
        if weight != 0:
            _add_run(lists, run, base, weight, workspace.estimates)


_add_runs = _add_runs_by_signature if simd.FORM == "avx512" else _add_runs_by_lookup


@jit
def _estimate_list(lists: Lists, component: int, workspace: Workspace, base: int) -> int:
    """Append the list's blocks with their estimates, query x summary, to the candidates; the new count."""
    first, last = np.int64(lists.blocks[component]), np.int64(lists.blocks[np.int64(component) + 1])
    end = base + last - first
    for at in range(base, end):
        workspace.estimates[at] = 0
        workspace.candidates[at] = first + at - base
    _add_runs(lists, np.int64(lists.runs[component]), np.int64(lists.runs[np.int64(component) + 1]), base, workspace)
    for at in range(base, end):
        workspace.estimates[at] *= lists.scales[component]
    return end


@jit
def _sort_candidates(n_blocks: int, workspace: Workspace) -> float:
    """Order candidates by estimate, best first, in BUCKETS equal steps (a full sort costs more than it saves); the highest."""
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
    lists: Lists,
    forward: Forward,
    n_blocks: int,
    highest: float,
    heap_factor: float,
    weight_sum: float,
    workspace: Workspace,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    counters: npt.NDArray[np.int64],
) -> int:
    """Visit blocks in order until no estimate reaches heap_factor x k-th score; the number of hits.

    Documents are gathered, marked visited and prefetched some at a time, then scored.
    """
    step = highest / np.float32(BUCKETS - 1)
    k, size, gathered, scored, at = len(scores), 0, 0, 0, 0
    threshold = np.float32(0)
    while True:
        while at < n_blocks and gathered - scored < AHEAD:
            if at + 4 < n_blocks:
                prefetch(lists.positions, np.int64(lists.starts[workspace.candidates[workspace.order[at + 4]]]))
            candidate = workspace.order[at]
            estimate = workspace.estimates[candidate]
            if estimate < threshold:
                if estimate + step < threshold:  # nor does any later bucket reach it
                    at = n_blocks
                    break
                at += 1
                continue
            gathered = _gather(lists, forward, workspace.candidates[candidate], workspace, gathered)
            counters[2] += 1
            at += 1
        if scored == gathered:
            break
        while scored < gathered:
            size = offer(forward, workspace.scored[scored], workspace.table, weight_sum, scores, numbers, size)
            scored += 1
        if size == k:
            threshold = np.float32(heap_factor) * scores[0]
    for at in range(scored):
        workspace.visited[workspace.scored[at] >> 6] = 0
    counters[3] += scored
    return size


@jit
def _gather(lists: Lists, forward: Forward, block: int, workspace: Workspace, gathered: int) -> int:
    """Queue a block's documents that were not visited yet, and prefetch them; the new length of the queue."""
    for posting in range(np.int64(lists.starts[block]), np.int64(lists.starts[np.int64(block) + 1])):
        position = np.int64(lists.positions[posting])
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
    lists: Lists,
    forward: Forward,
    indptr: npt.NDArray[np.int64],
    components: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    query_cut: int,
    heap_factor: float,
    workspace: Workspace,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    counters: npt.NDArray[np.int64],
) -> None:
    """`search_blocks` for the queries of a CSR triple, into rows of `scores` and `numbers`."""
    for row in range(len(indptr) - 1):
        span = slice(indptr[row], indptr[row + 1])
        search_blocks(
            lists,
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
