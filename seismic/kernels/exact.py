"""The `exact` plan: the true top k, by bounds of shared blocks.

Add up the bounds of all blocks; visit the most promising ones, which gives a first k-th best score; visit others whose
bound reaches it, in rounds. Of a visited block, what its documents share is read first, and the rest only of those that
can still reach the top k. Candidates are kept by the scores of their 8-bit codes, which are off by half a code for each
weight at most, and settled at the end by codes and residuals.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, F64, I64, U8, U32
from seismic.kernels.block_dot import add_own, add_rows, full_sums, wanted_of
from seismic.kernels.bounds import (
    TERMS,
    Bounds,
    add_bounds,
    choose_heaviest,
    collect,
    first_floor,
    least_bound,
    make_bounds,
    restrict,
)
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP, Maxima
from seismic.kernels.score import (
    SAFETY,
    QueryTable,
    load_query,
    make_query_table,
    unload_query,
)
from seismic.kernels.shared import Shared, own_span, prefetch_block, prefetch_own, prefetch_rows, rounding_of
from seismic.kernels.simd import ones, stopped

AHEAD = 4
"""Blocks prefetched before their shared components are read."""

WAITING = 4
"""Blocks whose own components are prefetched before they are read; a power of 2."""

ROUNDS_GROW = 4
"""How many times as many groups of blocks the next round looks at: few are sorted that a k-th score then rules out."""

ROUNDING = 255 * 2.0**-23
"""What a float32 sum of weight x code may be off by, for each term and in units of the weight sum."""

ALL = 255
"""A block's byte of `allowed` if all its documents may be returned."""


class Reach(NamedTuple):
    """What decides whether a block can still matter: the value of a bound's ``unit``; ``half``, what rounding to codes
    takes; ``terms`` of a bound, ``heap_factor``, ``least_score``."""

    unit: float
    half: float
    terms: int
    heap_factor: float
    least_score: float


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``bounds``. By block that waits for its own components [WAITING]: ``blocks`` uint32, ``masks`` uint8 of
    documents that can still reach the top k, ``sums`` float32 [WAITING, BLOCK], weight x code so far. ``scales``
    float32 [BLOCK]: of the block being read; nothing has those beyond the last document. By candidate
    [documents]: ``found`` uint32, its position; ``codes`` float32, weight x code. ``lows`` float32 [documents]: a heap
    of the k best scores that candidates have at least. ``totals`` float64 [BLOCK]. ``stop`` uint8 [1]: once another
    thread sets it, a search ends soon, with hits that mean nothing.
    """

    table: QueryTable
    bounds: Bounds
    blocks: U32
    masks: U8
    sums: F32
    scales: F32
    found: U32
    codes: F32
    lows: F32
    totals: F64
    stop: U8


@jit
def make_exact_workspace(dimension: int, documents: int) -> Workspace:
    """A workspace for shards of up to so many documents."""
    return Workspace(
        make_query_table(dimension),
        make_bounds(dimension, -(-documents // (BLOCK * GROUP))),
        np.empty(WAITING, np.uint32),
        np.empty(WAITING, np.uint8),
        np.empty((WAITING, BLOCK), np.float32),
        np.zeros(BLOCK, np.float32),
        np.empty(documents, np.uint32),
        np.empty(documents, np.float32),
        np.empty(documents, np.float32),
        np.empty(BLOCK, np.float64),
        np.zeros(1, np.uint8),
    )


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
        if kth_score(workspace, k, size, least_score) == 0 and not stopped(
            workspace.stop
        ):  # perhaps for want of others
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


@jit(inline=True)
def kth_score(workspace: Workspace, k: int, size: int, least_score: float) -> float:
    """What the k-th best document scores at least."""
    return max(workspace.lows[0], np.float32(least_score)) if size == k else np.float32(least_score)


@jit(allocates=False)
def visit(
    shared: Shared,
    count: int,
    unit: float,
    half: float,
    terms: int,
    heap_factor: float,
    least_score: float,
    allowed: U8,
    workspace: Workspace,
    k: int,
    size: int,
    n_found: int,
    counters: I64,
) -> tuple[int, int]:
    """Visit the ordered blocks that can still reach the top k; the sizes of `lows` and `found`.

    Own components arrive from memory while the shared ones of the next blocks are read.
    """
    order, bounds, ring = workspace.bounds.order, workspace.bounds.bounds, WAITING - 1
    head, tail, upcoming = 0, 0, 0
    kth = kth_score(workspace, k, size, least_score)
    limit = np.float32(heap_factor) * kth
    for at in range(count + WAITING):
        if stopped(workspace.stop):
            break
        least = least_bound(limit, unit, terms)
        while upcoming < count and upcoming <= at + AHEAD:
            if np.int64(bounds[order[upcoming]]) >= least:
                prefetch_rows(shared, np.int64(order[upcoming]))
            upcoming += 1
        if at < count and np.int64(bounds[order[at]]) >= least:
            block = np.int64(order[at])
            mask = np.int64(allowed[block]) if len(allowed) > 0 else ALL
            if mask != 0:
                counters[2] += 1
                most = np.float32(unit * (np.int64(bounds[block]) + terms)) * SAFETY
                mask &= _reachable(shared, block, most, half, limit, workspace, workspace.sums[tail & ring])
            if mask != 0:
                prefetch_own(shared, block, mask)
                workspace.blocks[tail & ring], workspace.masks[tail & ring] = block, mask
                tail += 1
        if tail - head == WAITING or (at >= count and head < tail):
            slot = head & ring
            block, mask, sums = np.int64(workspace.blocks[slot]), np.int64(workspace.masks[slot]), workspace.sums[slot]
            _add_own_codes(shared, block, mask, workspace.table, sums)
            for position in range(block * BLOCK, min(block * BLOCK + BLOCK, len(shared.scales))):
                document = position & (BLOCK - 1)
                codes, scale = sums[document], shared.scales[position]
                if mask >> document & 1 and scale * (codes + half) >= kth:
                    workspace.found[n_found], workspace.codes[n_found] = position, codes
                    n_found += 1
                    size = heap.keep(workspace.lows, k, size, max(np.float32(0), scale * (codes - half)))
                    kth = kth_score(workspace, k, size, least_score)
            head += 1
            counters[3] += ones(np.uint64(mask))
            limit = np.float32(heap_factor) * kth
    return size, n_found


@jit(inline=True)
def _reachable(
    shared: Shared, block: int, most: float, half: float, limit: float, workspace: Workspace, sums: F32
) -> int:
    """A bit for each document of a block that may score `limit`, given that none scores more than `most`; `sums`
    become what the shared components give.

    A document's other components give at most what the bound leaves when each shared component's largest contribution
    to any of the documents is taken off.
    """
    table, scales = workspace.table, workspace.scales
    first, last = block * BLOCK, min(block * BLOCK + BLOCK, len(shared.scales))
    unit = np.float32(0)
    for position in range(first, last):
        scales[position - first] = shared.scales[position]
        unit = max(unit, shared.scales[position])
    largest = add_rows(
        shared.components,
        shared.documents,
        shared.codes,
        np.int64(shared.starts[block]),
        np.int64(shared.starts[block + 1]),
        np.int64(shared.code_starts[block]),
        table.weights,
        table.signature,
        scales,
        sums,
    )
    least = max(np.float32(0), largest - unit * half)  # what their values give, if not their codes
    rest, mask = max(np.float32(0), most - least / SAFETY), 0
    for position in range(first, last):
        if (shared.scales[position] * (sums[position - first] + half) + rest) * SAFETY >= limit:
            mask |= 1 << (position - first)
    return mask


@jit(inline=True)
def _add_own_codes(shared: Shared, block: int, mask: int, table: QueryTable, sums: F32) -> None:
    """Add to the sums of the documents whose bits of `mask` are set; those of others mean nothing."""
    first, last = own_span(shared, block, mask)
    add_own(
        shared.own_components,
        shared.own_codes,
        first,
        last,
        np.int64(shared.own_starts[block]),
        shared.own_ends[block * BLOCK : block * BLOCK + BLOCK],
        table.weights,
        table.signature,
        sums,
    )


@jit(allocates=False)
def settle(
    shared: Shared, n_found: int, half: float, kth: float, workspace: Workspace, scores: F32, numbers: I64
) -> int:
    """Score the candidates that can be in the top k by codes and residuals, into `scores` and `numbers`; how many hits
    there are. Those of one block stand together."""
    found, all_codes, totals = workspace.found, workspace.codes, workspace.totals
    size, left, last_block = 0, 0, -1
    for at in range(n_found):
        position = np.int64(found[at])
        if shared.scales[position] * (all_codes[at] + half) >= kth:
            found[left], all_codes[left] = position, all_codes[at]
            left += 1
    for at in range(left):
        if at + AHEAD < left and found[at + AHEAD] // BLOCK != found[at + AHEAD - 1] // BLOCK:
            prefetch_block(shared, np.int64(found[at + AHEAD]) // BLOCK)
        position = np.int64(found[at])
        block = position // BLOCK
        if block != last_block:
            full_sums(shared, block, wanted_of(found, at, left), workspace.table, totals)
            last_block = block
        score = np.float32(np.float64(shared.scales[position]) * totals[position & (BLOCK - 1)] / 256)
        if score > 0:
            size = heap.push(scores, numbers, size, score, np.int64(shared.numbers[position]))
    return size


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
