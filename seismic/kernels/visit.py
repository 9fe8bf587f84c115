"""Visiting shared blocks: which of their documents may be in the top k, and what those score.

The components that a block's documents share are read first, the others only if a document can still reach the top k.
Candidates are kept by the scores of their 8-bit codes, which are off by at most half a code per weight, and rescored by
codes and residuals at the end.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, F64, I64, U8, U32
from seismic.kernels.best import Best, key_of, make_best, room_for, thin_out, write_best
from seismic.kernels.block_dot import add_own, add_rows
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.full_sums import full_sums, wanted_of
from seismic.kernels.jit import jit
from seismic.kernels.kth import KthScore, keep, lower_bound, make_kth_score
from seismic.kernels.score import SAFETY, QueryTable, make_query_table
from seismic.kernels.shared import Shared, own_span, prefetch_block, prefetch_own, prefetch_rows, prefetch_starts
from seismic.kernels.simd import eight_reaching, largest_of_eight, ones, stopped, trailing_zeros
from seismic.kernels.topk import TopK
from seismic.kernels.upper_bounds import BoundScratch, bound_threshold, make_bound_scratch

BLOCKS_AHEAD = 4
"""Blocks prefetched before their shared components are read."""

STARTS_AHEAD = 16
"""Blocks whose starts are prefetched, so that they are there when the blocks themselves are."""

WAITING = 4
"""Blocks whose own components are prefetched before they are read; a power of 2."""

TERM_ROUNDING = 255 * 2.0**-23
"""Largest rounding error of a float32 sum of weight x code, per term, in units of the weight sum."""

ALL = 255
"""Byte of `allowed` for a block whose documents may all be returned."""


class Reach(NamedTuple):
    """What decides whether a block or document can still reach the top k.

    ``unit``: the score that one unit of an upper bound stands for. ``code_error``: largest error of a sum of weight x
    code, in units of a document's scale. ``terms``: components in an upper bound. ``heap_factor``: blocks are skipped
    below heap_factor x the k-th score. ``min_score``: documents that score less may be left out.
    """

    unit: float
    code_error: float
    terms: int
    heap_factor: float
    min_score: float


class Workspace(NamedTuple):
    """Arrays of one search at a time; each thread has its own.

    ``table``; ``scratch``. By block that waits for its own components [WAITING]: ``blocks`` uint32, ``masks`` uint8 of
    documents that can still reach the top k, ``sums`` float32 [WAITING, BLOCK] of weight x code so far, ``scales``
    float32 [WAITING, BLOCK], 0 beyond the last document. By candidate [documents]: ``candidates`` uint32: its position;
    ``codes`` float32: its sum of weight x code. ``kth``: of the lower bounds of candidates' scores. ``best`` has room
    for the k best documents; see `room_for`. ``totals`` float64 [BLOCK]. ``stop`` uint8 [1]: once another thread sets
    it, a search ends soon, with hits that mean nothing.
    """

    table: QueryTable
    scratch: BoundScratch
    blocks: U32
    masks: U8
    sums: F32
    scales: F32
    candidates: U32
    codes: F32
    kth: KthScore
    best: Best
    totals: F64
    stop: U8


@jit
def make_exact_workspace(dimension: int, documents: int, k: int = 1) -> Workspace:
    """Make a workspace for shards of up to `documents` documents and up to k hits."""
    return Workspace(
        make_query_table(dimension),
        make_bound_scratch(dimension, -(-documents // (BLOCK * GROUP))),
        np.empty(WAITING, np.uint32),
        np.empty(WAITING, np.uint8),
        np.empty((WAITING, BLOCK), np.float32),
        np.zeros((WAITING, BLOCK), np.float32),
        np.empty(documents, np.uint32),
        np.empty(documents, np.float32),
        make_kth_score(),
        make_best(room_for(k, 1)),
        np.empty(BLOCK, np.float64),
        np.zeros(1, np.uint8),
    )


@jit(inline=True)
def kth_score(workspace: Workspace, k: int, min_score: float) -> float:
    """Return a lower bound of the k-th score, at least `min_score`."""
    return max(lower_bound(workspace.kth, k), np.float32(min_score))


@jit(allocates=False)
def visit(
    shared: Shared,
    count: int,
    reach: Reach,
    allowed: U8,
    workspace: Workspace,
    k: int,
    n_candidates: int,
    counters: I64,
) -> int:
    """Visit the first `count` blocks of ``order`` that can still reach the top k.

    Takes and returns the number of ``candidates``. Memory is read in three steps, each on its way
    while earlier blocks are in the next: where a block's values begin, its shared components, its own ones.
    """
    order, bounds, ring = workspace.scratch.order, workspace.scratch.bounds, WAITING - 1
    unit, code_error, terms, heap_factor, min_score = reach
    head, tail, upcoming, farther = 0, 0, 0, 0
    kth = kth_score(workspace, k, min_score)
    limit = np.float32(heap_factor) * kth
    threshold = bound_threshold(limit, unit, terms)
    for rank in range(count + WAITING):
        if stopped(workspace.stop):
            break
        while farther < count and farther <= rank + STARTS_AHEAD:
            prefetch_starts(shared, np.int64(order[farther]))
            farther += 1
        while upcoming < count and upcoming <= rank + BLOCKS_AHEAD:
            if np.int64(bounds[upcoming]) >= threshold:
                prefetch_rows(shared, np.int64(order[upcoming]))
            upcoming += 1
        if rank < count and np.int64(bounds[rank]) >= threshold:
            block = np.int64(order[rank])
            mask = np.int64(allowed[block]) if len(allowed) > 0 else ALL
            if mask != 0:
                counters[2] += 1
                most = np.float32(unit * (np.int64(bounds[rank]) + terms)) * SAFETY
                mask &= _reachable(shared, block, most, code_error, limit, workspace, tail & ring)
            if mask != 0:
                prefetch_own(shared, block, mask)
                workspace.blocks[tail & ring], workspace.masks[tail & ring] = block, mask
                tail += 1
        if tail - head == WAITING or (rank >= count and head < tail):
            slot = head & ring
            block, mask, sums = np.int64(workspace.blocks[slot]), np.int64(workspace.masks[slot]), workspace.sums[slot]
            _add_own_codes(shared, block, mask, workspace.table, sums)
            counters[3] += ones(np.uint64(mask))
            scales = workspace.scales[slot]
            mask &= eight_reaching(scales, sums, code_error, np.float32(0), np.float32(1), kth)
            while mask != 0:
                document = np.int64(trailing_zeros(np.uint64(mask)))
                mask &= mask - 1
                workspace.candidates[n_candidates] = block * BLOCK + document
                workspace.codes[n_candidates] = sums[document]
                n_candidates += 1
                keep(workspace.kth, k, max(np.float32(0), scales[document] * (sums[document] - code_error)))
            kth = kth_score(workspace, k, min_score)
            head += 1
            limit = np.float32(heap_factor) * kth
            threshold = bound_threshold(limit, unit, terms)
    return n_candidates


@jit(inline=True)
def _reachable(
    shared: Shared, block: int, most: float, code_error: float, limit: float, workspace: Workspace, slot: int
) -> int:
    """Return a bit for each document of a block that may score `limit`, given that none scores more than `most`.

    The slot's ``sums`` become what the shared components add. A document's other components add at most what is left of
    `most` after subtracting each shared component's largest contribution to any of the documents:
    scales[document] * (sums[document] + code_error) + rest >= limit
    """
    table, first, scales, sums = workspace.table, block * BLOCK, workspace.scales[slot], workspace.sums[slot]
    count = min(BLOCK, len(shared.scales) - first)
    if count == BLOCK:  # a loop whose length the compiler knows
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
    # `largest` adds codes; the values that they stand for may add less.
    contributed = max(np.float32(0), largest - largest_of_eight(scales) * code_error)
    rest = max(np.float32(0), most - contributed / SAFETY)
    return eight_reaching(scales, sums, code_error, rest, SAFETY, limit) & ((1 << count) - 1)


@jit(inline=True)
def _add_own_codes(shared: Shared, block: int, mask: int, table: QueryTable, sums: F32) -> None:
    """Add own components to the sums of the documents whose bits of `mask` are set. Other sums become undefined."""
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
def rescore(shared: Shared, n_candidates: int, code_error: float, kth: float, workspace: Workspace, top: TopK) -> None:
    """Score the candidates that may be in the top k by codes and residuals, and write the best to `top`."""
    size = add_best(shared, n_candidates, code_error, kth, 0, 0, len(top.scores), workspace)
    write_best(workspace.best, size, top.scores, top.numbers)


@jit(inline=True)
def add_best(
    shared: Shared,
    n_candidates: int,
    code_error: float,
    kth: float,
    first: int,
    size: int,
    k: int,
    workspace: Workspace,
) -> int:
    """Score candidates by codes and residuals, and add those that may be in the top k to the `size` ones in ``best``.

    `first`: number of the shard's first document. Returns the new size. Candidates of the same block are neighbours.
    """
    candidates, all_codes, totals, best = workspace.candidates, workspace.codes, workspace.totals, workspace.best
    left, last_block = 0, -1
    for candidate in range(n_candidates):
        position = np.int64(candidates[candidate])
        if shared.scales[position] * (all_codes[candidate] + code_error) >= kth:
            candidates[left] = position
            left += 1
    for candidate in range(left):
        ahead = candidate + BLOCKS_AHEAD
        if ahead < left and candidates[ahead] // BLOCK != candidates[ahead - 1] // BLOCK:
            prefetch_block(shared, np.int64(candidates[ahead]) // BLOCK)
        position = np.int64(candidates[candidate])
        block = position // BLOCK
        if block != last_block:
            full_sums(shared, block, wanted_of(candidates, candidate, left), workspace.table, totals)
            last_block = block
        score = np.float32(np.float64(shared.scales[position]) * totals[position & (BLOCK - 1)] / 256)
        if score > 0:
            if size == len(best.keys):
                size, _ = thin_out(best, size, k)
            best.keys[size] = key_of(score, first + np.int64(shared.numbers[position]))
            size += 1
    return size
