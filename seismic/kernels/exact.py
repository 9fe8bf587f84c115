"""The `exact` plan: the true top k, by bounds of shared blocks.

Add up the bounds of all blocks, score the most promising ones, stop when no bound reaches the k-th best score.

A bound is 16 bits wide: the sum of weight x code >> 8 over the query's components, with integer weights rounded up so
that `unit` x (bound + terms) is never below what a document of the block scores.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U8, U16, U32
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP, Maxima
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
from seismic.kernels.simd import add_rows, at_least, trailing_zeros

BUCKETS = 1024
"""Steps of the counting sorts."""

AHEAD = 2
"""Blocks prefetched before they are scored."""

ALL = 255
"""A block's byte of `allowed` if all its documents may be returned."""

TERMS = 128
"""Up to so many components, a query's every match shows in its bound: weights are 256 at least."""


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``bounds`` uint16 [blocks, padded to GROUP; at least 65,536], all 0 between searches; ``tops`` uint16:
    largest bound of each group. By block: ``candidates`` and ``order`` uint32. ``histogram`` int64 [BUCKETS + 1]. By
    dense component of the query: ``offsets`` int64 and ``weights`` uint16 [dimension].
    """

    table: QueryTable
    bounds: U16
    tops: U16
    candidates: U32
    order: U32
    histogram: I64
    offsets: I64
    weights: U16


@jit
def make_exact_workspace(dimension: int, documents: int) -> Workspace:
    """A workspace for shards of up to so many documents."""
    groups = -(-documents // (BLOCK * GROUP))
    return Workspace(
        make_query_table(dimension),
        np.zeros(max(groups * GROUP, 1 << 16), np.uint16),  # room for every block number of 16 bits
        np.zeros(groups, np.uint16),
        np.empty(groups * GROUP, np.uint32),
        np.empty(groups * GROUP, np.uint32),
        np.empty(BUCKETS + 1, np.int64),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.uint16),
    )


@jit
def search_exact(
    maxima: Maxima,
    forward: Forward,
    components: U32,
    values: F32,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """Top len(scores) of one query into `scores` and `numbers` (document numbers, -1 pads), best first.

    Exact for the stored 16-bit values if `heap_factor` is 1; above, blocks whose bound is below heap_factor x the k-th
    best score are skipped. `allowed` uint8 [blocks]: bit i of a byte says whether document i of the block may be
    returned; empty: all may. Adds lists, blocks bounded, blocks visited and documents scored to `counters` [4].
    """
    weight_sum = load_query(workspace.table, components, values)
    n_blocks = -(-len(forward.scales) // BLOCK)
    groups = -(-n_blocks // GROUP)
    unit = _add_bounds(maxima, components, values, groups, workspace)
    terms = len(components)
    size, ceiling = 0, 1 << 16
    floor = _first_floor(workspace, groups, 24 + len(scores))
    least = 1 if terms <= TERMS else 0
    while ceiling > least:
        floor = max(floor, least)
        n_candidates = _collect(workspace, groups, n_blocks, floor, ceiling)
        size = _visit(
            forward,
            n_candidates,
            unit,
            terms,
            weight_sum,
            heap_factor,
            allowed,
            workspace,
            scores,
            numbers,
            size,
            counters,
        )
        ceiling = floor
        floor = min(_least_bound(scores, size, unit, terms, heap_factor), ceiling)
        if floor == ceiling:
            break
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    workspace.bounds[: groups * GROUP] = 0
    counters[0] += terms
    counters[1] += n_blocks


@jit
def _add_bounds(maxima: Maxima, components: U32, values: F32, groups: int, workspace: Workspace) -> float:
    """Fill `bounds` and `tops`; the value of one unit of them."""
    total, terms = np.float64(0), len(components)
    for at in range(terms):
        total += np.float64(values[at]) * np.float64(maxima.scales[components[at]])
    room = 65535 - (257 * terms if terms <= TERMS else terms)
    unit = total * 256 / room if total > 0 else np.float64(1)
    n_rows = 0
    for at in range(terms):
        component = np.int64(components[at])
        weight = np.int64(np.ceil(np.float64(values[at]) * np.float64(maxima.scales[component]) * 256 / unit))
        weight = max(weight, 256) if terms <= TERMS else weight
        first, last = np.int64(maxima.block_starts[component]), np.int64(maxima.block_starts[component + 1])
        start = np.int64(maxima.code_starts[component])
        if first < last:
            _scatter(maxima, first, last, start, weight, workspace.bounds)
        elif start < np.int64(maxima.code_starts[component + 1]):
            workspace.offsets[n_rows], workspace.weights[n_rows] = start, weight
            n_rows += 1
    for group in range(groups):
        workspace.tops[group] = add_rows(
            workspace.bounds, group * GROUP, maxima.codes, workspace.offsets, workspace.weights, n_rows
        )
    return np.float32(unit)


@jit
def _scatter(maxima: Maxima, first: int, last: int, start: int, weight: int, bounds: U16) -> None:
    """Add a sparse component's maxima."""
    factor = np.uint32(weight)
    for at in range(last - first):
        code = np.uint32(maxima.codes[np.uint64(start + at)])
        bounds[maxima.blocks[np.uint64(first + at)]] += np.uint16((factor * code) >> np.uint32(8))


@jit
def _first_floor(workspace: Workspace, groups: int, wanted: int) -> int:
    """A bound that the best `wanted` groups reach: their blocks give a first k-th score."""
    histogram = workspace.histogram
    histogram[:] = 0
    for group in range(groups):
        histogram[workspace.tops[group] >> 6] += 1
    bucket = BUCKETS
    while bucket > 0 and wanted > 0:
        bucket -= 1
        wanted -= histogram[bucket]
    return bucket << 6


@jit
def _collect(workspace: Workspace, groups: int, n_blocks: int, floor: int, ceiling: int) -> int:
    """Order the blocks with floor <= bound < ceiling, best first in BUCKETS steps; how many there are."""
    one, count, top = np.uint64(1), 0, floor
    for group in range(groups):
        if workspace.tops[group] < floor:
            continue
        mask = np.uint64(at_least(workspace.bounds, group * GROUP, np.uint16(floor)))
        while mask != 0:
            block = group * GROUP + np.int64(trailing_zeros(mask))
            mask &= mask - one
            bound = np.int64(workspace.bounds[block])
            if bound < ceiling and block < n_blocks:
                workspace.candidates[count] = block
                count += 1
                top = max(top, bound)
    _sort(workspace, count, floor, top)
    return count


@jit
def _sort(workspace: Workspace, count: int, floor: int, top: int) -> None:
    """Counting sort of the candidates by bound into `order`."""
    histogram, step = workspace.histogram, np.float32(BUCKETS - 1) / np.float32(max(1, top - floor))
    histogram[:] = 0
    for at in range(count):
        bound = np.int64(workspace.bounds[workspace.candidates[at]])
        histogram[BUCKETS - np.int64(np.float32(bound - floor) * step)] += 1
    for bucket in range(BUCKETS):
        histogram[bucket + 1] += histogram[bucket]
    for at in range(count):
        bound = np.int64(workspace.bounds[workspace.candidates[at]])
        bucket = BUCKETS - 1 - np.int64(np.float32(bound - floor) * step)
        workspace.order[histogram[bucket]] = workspace.candidates[at]
        histogram[bucket] += 1


@jit
def _visit(
    forward: Forward,
    count: int,
    unit: float,
    terms: int,
    weight_sum: float,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    size: int,
    counters: I64,
) -> int:
    """Score the ordered candidates that can still reach the top k; the heap's size."""
    n, k = len(forward.scales), len(scores)
    starts, components, all_codes, scales = forward.starts, forward.components, forward.codes, forward.scales
    weights, signature = workspace.table.weights, workspace.table.signature
    half = np.float32(0.5) * weight_sum * SAFETY
    least = _least_bound(scores, size, unit, terms, heap_factor)
    upcoming = 0
    for at in range(count):
        while upcoming < count and upcoming <= at + AHEAD:
            block = np.int64(workspace.order[upcoming])
            if np.int64(workspace.bounds[block]) >= least:
                first, last = np.int64(starts[block * BLOCK]), np.int64(starts[min(block * BLOCK + BLOCK, n)])
                prefetch_vector(components, all_codes, first, last)
            upcoming += 1
        block = np.int64(workspace.order[at])
        if np.int64(workspace.bounds[block]) < least:
            continue
        mask = np.int64(allowed[block]) if len(allowed) > 0 else ALL
        first, last = block * BLOCK, min(block * BLOCK + BLOCK, n)
        for position in range(first, last):
            if mask >> (position - first) & 1 == 0:
                continue
            codes = dot(components, all_codes, starts[position], starts[position + 1], weights, signature)
            if size < k or scales[position] * (codes + half) >= scores[0]:
                size = offer(forward, position, codes, workspace.table, scores, numbers, size)
            counters[3] += 1
        least = _least_bound(scores, size, unit, terms, heap_factor)
        counters[2] += 1
    return size


@jit(inline=True)
def _least_bound(scores: F32, size: int, unit: float, terms: int, heap_factor: float) -> int:
    """The smallest bound that can still reach the top k."""
    if size < len(scores):
        return 0
    return max(0, np.int64(np.float32(heap_factor) * scores[0] / (unit * SAFETY)) - terms)


@jit
def search_exact_batch(
    maxima: Maxima,
    forward: Forward,
    indptr: I64,
    components: U32,
    values: F32,
    heap_factor: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_exact` for the queries of a CSR triple, into rows of `scores` and `numbers`."""
    for row in range(len(indptr) - 1):
        span = slice(indptr[row], indptr[row + 1])
        search_exact(
            maxima,
            forward,
            components[span],
            values[span],
            heap_factor,
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters,
        )
