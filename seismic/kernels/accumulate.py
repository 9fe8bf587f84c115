"""Exact search by adding up: bound every document by the sum of weight x impact, score those that can be in the top k.

Its cost hardly grows with k, as that of bounding blocks does, but with the postings of the query's components.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, F64, I64, U8, U32
from seismic.kernels.block_dot import full_sums, wanted_of
from seismic.kernels.bounds import (
    TERMS,
    Bounds,
    first_floor,
    least_bound,
    make_bounds,
    scatter,
    span,
    unit_of,
    whole_weight,
)
from seismic.kernels.impacts import WINDOW, Impacts
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP
from seismic.kernels.score import QueryTable, load_query, make_query_table, unload_query
from seismic.kernels.shared import Shared, prefetch_block
from seismic.kernels.simd import add_rows, at_least, stopped, trailing_zeros

AHEAD = 4
"""Candidates prefetched before they are scored."""


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread. ``table``; ``bounds``, by document; ``totals`` float64
    [BLOCK]; ``stop`` uint8 [1], as of `exact`."""

    table: QueryTable
    bounds: Bounds
    totals: F64
    stop: U8


@jit
def make_accumulate_workspace(dimension: int, documents: int) -> Workspace:
    """A workspace for shards of up to so many documents."""
    windows = -(-documents // WINDOW)
    return Workspace(
        make_query_table(dimension),
        make_bounds(dimension, windows * (WINDOW // GROUP)),
        np.empty(BLOCK, np.float64),
        np.zeros(1, np.uint8),
    )


@jit(allocates=False)
def search_accumulate(
    impacts: Impacts,
    scales: F32,
    shared: Shared,
    components: U32,
    values: F32,
    least_score: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_exact` by another way: `scales` are those of the maxima. Adds lists, blocks bounded, blocks visited and
    documents scored to `counters` [4]."""
    load_query(workspace.table, components, values)
    n, terms, k, scratch = len(shared.scales), len(components), len(scores), workspace.bounds
    groups = -(-n // GROUP)
    unit = _add_impacts(impacts, scales, components, values, n, workspace.stop, scratch)
    least = max(1 if terms <= TERMS else 0, least_bound(least_score, unit, terms))
    size, ceiling = 0, 1 << 16
    floor = max(least, first_floor(scratch, groups, k))
    count = _collect(scratch, groups, n, floor, ceiling, allowed)
    while count < k and floor > least:  # documents that are not allowed were in the way
        floor = max(least, floor // 2)
        count = _collect(scratch, groups, n, floor, ceiling, allowed)
    floor = max(floor, _kth_bound(scratch, count, k))
    while True:
        size = _score(shared, count, floor, ceiling, workspace, scores, numbers, size, counters)
        kth = max(scores[0], np.float32(least_score)) if size == k else np.float32(least_score)
        floor, ceiling = max(least, least_bound(kth, unit, terms)), floor
        if floor >= ceiling or stopped(workspace.stop):
            break
        count = _collect(scratch, groups, n, floor, ceiling, allowed)
    heap.sort_best_first(scores, numbers, size)
    unload_query(workspace.table, components)
    scratch.bounds[: groups * GROUP] = 0
    counters[0] += terms
    counters[1] += -(-n // BLOCK)


@jit(allocates=False)
def _add_impacts(
    impacts: Impacts, scales: F32, components: U32, values: F32, n: int, stop: U8, scratch: Bounds
) -> float:
    """Fill `bounds` and `tops`, window by window; the value of one unit of them."""
    unit, terms = unit_of(scales, components, values), len(components)
    windows = -(-n // WINDOW)
    for window in range(windows):
        if stopped(stop):
            break
        for at in range(terms):
            component = np.int64(components[at])
            weight = whole_weight(values[at], scales[component], unit, terms)
            start, (first, last) = np.int64(impacts.starts[component]), span(impacts.ends, component, windows, window)
            scatter(impacts.positions, impacts.codes, start, start, first, last, weight, window, scratch.bounds)
    for group in range(-(-n // GROUP)):
        scratch.tops[group] = add_rows(
            scratch.bounds, group * GROUP, impacts.codes, scratch.offsets, scratch.weights, 0
        )
    return unit


@jit(allocates=False)
def _collect(scratch: Bounds, groups: int, n: int, floor: int, ceiling: int, allowed: U8) -> int:
    """The allowed documents with floor <= bound < ceiling into `candidates`, ascending; how many there are."""
    one, count = np.uint64(1), 0
    for group in range(groups):
        if scratch.tops[group] < floor:
            continue
        mask = np.uint64(at_least(scratch.bounds, group * GROUP, np.uint16(floor)))
        while mask != 0:
            position = group * GROUP + np.int64(trailing_zeros(mask))
            mask &= mask - one
            here = position < n and np.int64(scratch.bounds[position]) < ceiling
            if here and (len(allowed) == 0 or (allowed[position // BLOCK] >> (position % BLOCK)) & 1):
                scratch.candidates[count] = position
                count += 1
    return count


@jit(allocates=False)
def _kth_bound(scratch: Bounds, count: int, k: int) -> int:
    """A bound that at least k of the candidates reach, but few more; 0 if there are not as many."""
    histogram = scratch.histogram
    histogram[:] = 0
    for at in range(count):
        histogram[scratch.bounds[scratch.candidates[at]] >> 6] += 1
    bucket, left = len(histogram) - 1, k
    while bucket > 0 and left > 0:
        bucket -= 1
        left -= histogram[bucket]
    return bucket << 6 if left <= 0 else 0


@jit(allocates=False)
def _score(
    shared: Shared,
    count: int,
    floor: int,
    ceiling: int,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    size: int,
    counters: I64,
) -> int:
    """Score the candidates with floor <= bound < ceiling; the heap's size. Those of one block stand together."""
    scratch, left, last_block = workspace.bounds, 0, -1
    for at in range(count):
        if floor <= np.int64(scratch.bounds[scratch.candidates[at]]) < ceiling:
            scratch.order[left] = scratch.candidates[at]
            left += 1
    for at in range(left):
        if stopped(workspace.stop):
            break
        if at + AHEAD < left:
            upcoming = np.int64(scratch.order[at + AHEAD]) // BLOCK
            if upcoming != np.int64(scratch.order[at + AHEAD - 1]) // BLOCK:
                prefetch_block(shared, upcoming)
        position = np.int64(scratch.order[at])
        block = position // BLOCK
        if block != last_block:
            full_sums(shared, block, wanted_of(scratch.order, at, left), workspace.table, workspace.totals)
            last_block = block
            counters[2] += 1
        score = np.float32(np.float64(shared.scales[position]) * workspace.totals[position % BLOCK] / 256)
        if score > 0:
            size = heap.push(scores, numbers, size, score, np.int64(shared.numbers[position]))
    counters[3] += left
    return size


@jit(allocates=False)
def search_accumulate_batch(
    impacts: Impacts,
    scales: F32,
    shared: Shared,
    indptr: I64,
    components: U32,
    values: F32,
    least_scores: F32,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_accumulate` for the queries of a CSR triple, into rows of `scores`, `numbers` and
    `counters` [n, 4]."""
    for row in range(len(indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(indptr[row], indptr[row + 1])
        search_accumulate(
            impacts,
            scales,
            shared,
            components[span],
            values[span],
            least_scores[row],
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters[row],
        )
