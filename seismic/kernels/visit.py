"""Visiting shared blocks: which of their documents can be among the best, by their codes, and what those score.

What a block's documents share is read first, and the rest only if one of them can still reach the top k. Candidates are
kept by the scores of their 8-bit codes, which are off by half a code for each weight at most, and settled at the end by
codes and residuals.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, F64, I64, U8, U32
from seismic.kernels.block_dot import add_own, add_rows, full_sums, wanted_of
from seismic.kernels.bounds import Bounds, least_bound, make_bounds
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP
from seismic.kernels.score import SAFETY, QueryTable, make_query_table
from seismic.kernels.shared import Shared, own_span, prefetch_block, prefetch_own, prefetch_rows
from seismic.kernels.simd import eight_reaching, largest_of_eight, ones, stopped, trailing_zeros

AHEAD = 4
"""Blocks prefetched before their shared components are read."""

WAITING = 4
"""Blocks whose own components are prefetched before they are read; a power of 2."""

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
    least = least_bound(limit, unit, terms)
    for at in range(count + WAITING):
        if stopped(workspace.stop):
            break
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
            counters[3] += ones(np.uint64(mask))
            while mask != 0:
                document = np.int64(trailing_zeros(np.uint64(mask)))
                mask &= mask - 1
                position = block * BLOCK + document
                codes, scale = sums[document], shared.scales[position]
                if scale * (codes + half) >= kth:
                    workspace.found[n_found], workspace.codes[n_found] = position, codes
                    n_found += 1
                    size = heap.keep(workspace.lows, k, size, max(np.float32(0), scale * (codes - half)))
                    kth = kth_score(workspace, k, size, least_score)
            head += 1
            limit = np.float32(heap_factor) * kth
            least = least_bound(limit, unit, terms)
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
    table, scales, first = workspace.table, workspace.scales, block * BLOCK
    count = min(BLOCK, len(shared.scales) - first)
    if count == BLOCK:  # a number of steps that the compiler knows
        for document in range(BLOCK):
            scales[document] = shared.scales[first + document]
    else:
        for document in range(BLOCK):
            scales[document] = shared.scales[first + document] if document < count else np.float32(0)
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
    least = max(np.float32(0), largest - largest_of_eight(scales) * half)  # what their values give, if not their codes
    rest = max(np.float32(0), most - least / SAFETY)
    return eight_reaching(scales, sums, half, rest, SAFETY, limit) & ((1 << count) - 1)


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
