"""The `blocks` plan: estimate every block of the query's heaviest lists by its summary, visit best-first across all
lists.

A list block is what a posting list has of a shared block, so its documents lie side by side. Estimates are 16 bits
wide: the sum of weight x code over the query's components, with whole weights.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, Ids
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP
from seismic.kernels.score import (
    LINE,
    SAFETY,
    Forward,
    QueryTable,
    dot,
    load_query,
    make_query_table,
    matches,
    offer,
    prefetch_vector,
    unload_query,
)
from seismic.kernels.simd import add_rows, at_least, prefetch, stopped, trailing_zeros
from seismic.kernels.summarize import CODE_BITS, MAX_BLOCKS, MAX_CODE

BUCKETS = 256
"""Steps of the counting sorts."""

AHEAD = 32
"""Documents gathered and prefetched before they are scored: enough to hide a cache miss behind scoring."""

LOCATED = 1024
"""Runs located and prefetched before they are added."""


class Blocks(NamedTuple):
    """Posting lists in blocks.

    ``lists`` int32 [dimension + 1]: list -> blocks. ``members`` uint32 [blocks]: a shared block << 8 | which of its
    documents are in the list, a bit each.
    """

    lists: I32
    members: U32


class Summaries(NamedTuple):
    """The blocks' summaries, inverted list by list.

    A run is what one list's summaries hold of one component. Runs of equal length (a shape) lie together, so a run's
    entries are found by arithmetic. ``shapes`` int32 [dimension + 1]: list -> shapes. ``lengths`` uint16 and
    ``counts`` uint32 [shapes]: entries of a run, and how many such runs. ``runs`` int32 [dimension + 1]: list -> runs.
    ``components`` uint16 or uint32 [runs]. ``starts`` int32 [dimension + 1]: list -> entries. ``entries`` uint16:
    block within its list << CODE_BITS | code; a code of 0 pads. ``scales`` float32 [dimension]: value = scale of the
    component x code.
    """

    shapes: I32
    lengths: U16
    counts: U32
    runs: I32
    components: Ids
    starts: I32
    entries: U16
    scales: F32


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``weights`` uint16 [dimension]: the query's, whole, for estimates. By list block, each list padded to
    GROUP: ``estimates`` uint16, ``tops`` uint16: the largest of each group. ``weights``, ``estimates`` and
    ``visited`` uint8 [shared blocks] are all 0 between searches. ``scored`` uint32 [documents]: positions scored.
    By located run: ``run_starts`` and ``run_bases`` int64, ``run_lengths`` and ``run_weights`` uint16. By candidate:
    ``members`` uint32, ``bounds`` uint16: its estimate, ``order`` uint32. ``histogram`` int64 [BUCKETS + 1]. ``stop``
    uint8 [1]: once another thread sets it, a search ends soon, with hits that mean nothing.
    """

    table: QueryTable
    weights: U16
    estimates: U16
    tops: U16
    visited: U8
    scored: U32
    run_starts: I64
    run_bases: I64
    run_lengths: U16
    run_weights: U16
    members: U32
    bounds: U16
    order: U32
    histogram: I64
    stop: U8


@jit
def padded(blocks: int) -> int:
    """Blocks of a list, as estimates are laid out."""
    return (blocks + GROUP - 1) & -GROUP


@jit
def make_workspace(dimension: int, documents: int, blocks: int) -> Workspace:
    """A workspace for searches that estimate at most `blocks` blocks, padding included."""
    return Workspace(
        make_query_table(dimension),
        np.zeros(max(dimension, 1 << 16), np.uint16),
        np.zeros(blocks + MAX_BLOCKS, np.uint16),  # the rest is room for entries whose block is damaged
        np.zeros(blocks // GROUP, np.uint16),
        np.zeros(-(-documents // BLOCK), np.uint8),
        np.empty(documents, np.uint32),
        np.empty(LOCATED, np.int64),
        np.empty(LOCATED, np.int64),
        np.empty(LOCATED, np.uint16),
        np.empty(LOCATED, np.uint16),
        np.empty(blocks, np.uint32),
        np.empty(blocks, np.uint16),
        np.empty(blocks, np.uint32),
        np.empty(BUCKETS + 1, np.int64),
        np.zeros(1, np.uint8),
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
    unit = _load_weights(summaries.scales, components, values, workspace.weights)
    chosen = np.empty(min(query_cut, len(values)), np.int64)
    bases = np.zeros(len(chosen) + 1, np.int64)
    n_lists = select_heaviest(values, 0, len(values), chosen)
    for rank in range(n_lists):
        component = np.int64(components[chosen[rank]])
        chosen[rank] = component
        size = np.int64(blocks.lists[component + 1]) - np.int64(blocks.lists[component])
        bases[rank + 1] = bases[rank] + padded(size)
        counters[1] += size
    _estimate(summaries, chosen, bases, n_lists, workspace)
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
def _load_weights(scales: F32, components: U32, values: F32, weights: U16) -> float:
    """Spread out the query's weights for estimates; the score that one unit of an estimate means."""
    total = np.float64(0)
    for at in range(len(components)):
        total += np.float64(values[at]) * np.float64(scales[components[at]]) * MAX_CODE
    unit = total / 65535 if total > 0 else np.float64(1)
    for at in range(len(components)):
        weights[components[at]] = np.int64(np.float64(values[at]) * np.float64(scales[components[at]]) / unit)
    return unit


@jit
def _estimate(summaries: Summaries, chosen: I64, bases: I64, n_lists: int, workspace: Workspace) -> None:
    """Fill `estimates` and `tops`."""
    located = 0
    for rank in range(n_lists):
        if stopped(workspace.stop):
            break
        located = _locate(summaries, chosen[rank], bases[rank], workspace, located)
    _add_located(summaries, workspace, located)
    for group in range(bases[n_lists] // GROUP):
        workspace.tops[group] = add_rows(
            workspace.estimates, group * GROUP, workspace.table.signature, bases, workspace.weights, 0
        )


@jit(inline=True)
def _add_located(summaries: Summaries, workspace: Workspace, located: int) -> None:
    """Add the located runs to the estimates."""
    entries, estimates = summaries.entries, workspace.estimates
    for run in range(located):
        base, start = np.uint64(workspace.run_bases[run]), np.uint64(workspace.run_starts[run])
        weight, stop = np.uint32(workspace.run_weights[run]), start + np.uint64(workspace.run_lengths[run])
        for at in range(start, stop):
            entry = np.uint32(entries[at])
            place = base + np.uint64(entry >> np.uint32(CODE_BITS))
            estimates[place] += np.uint16(weight * (entry & np.uint32(MAX_CODE)))


@jit
def _locate(summaries: Summaries, component: int, base: int, workspace: Workspace, located: int) -> int:
    """Find and prefetch the list's runs of the query's components; how many wait to be added."""
    components, weights, one = summaries.components, workspace.weights, np.uint64(1)
    shape, entry = np.int64(summaries.shapes[component]), np.int64(summaries.starts[component])
    first, last = np.int64(summaries.runs[component]), np.int64(summaries.runs[component + 1])
    end, length = first, 0  # of the shape's runs
    for at in range(first, last, 64):
        mask = matches(components, at, last, workspace.table)
        while mask != 0:
            run = at + np.int64(trailing_zeros(mask))
            mask &= mask - one
            weight = weights[components[run]]
            if weight == 0:
                continue
            while run >= end:
                entry += (end - first) * length
                first, length = end, np.int64(summaries.lengths[shape])
                end += np.int64(summaries.counts[shape])
                shape += 1
            if located == LOCATED:
                _add_located(summaries, workspace, located)
                located = 0
            start = entry + (run - first) * length
            prefetch(summaries.entries, start)
            prefetch(summaries.entries, start + LINE // summaries.entries.itemsize)
            workspace.run_starts[located], workspace.run_bases[located] = start, base
            workspace.run_lengths[located], workspace.run_weights[located] = length, weight
            located += 1
    return located


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
