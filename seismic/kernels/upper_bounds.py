"""Upper bounds of all shared blocks: the sum of weight x maximum over the query's components, in 16 bits.

An upper bound is stored as a sum of weight x code >> 8. Integer weights are rounded up, so that no document of the
block scores more than `unit` x (upper bound + terms), where `terms` is the number of the query's components.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U8, U16, U32
from seismic.kernels.candidates import sort_candidates
from seismic.kernels.constants import BLOCK_WINDOW, BLOCK_WINDOW_BITS, CACHE_LINE, GROUP
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import SAFETY
from seismic.kernels.simd import add_rows, at_least, prefetch, trailing_zeros

STEPS = 1024
"""Steps of the candidates' sort."""

WINDOW_GROUPS = BLOCK_WINDOW // GROUP
"""Groups in a window of blocks."""

BISECTIONS = 20
"""Bisections that find the least weight of the heaviest components."""

LARGEST_BOUND = 65535
"""Largest upper bound, that of a block whose maxima are those of the shard."""

TERMS = 128
"""Largest number of components for which every match of a query shows in the upper bound: weights are at least 256."""

PREFETCHED = 512
"""Entries of a list prefetched at its start. The CPU's own prefetcher takes over from there."""


class BoundScratch(NamedTuple):
    """Scratch arrays of one search at a time.

    ``upper_bounds`` uint16 [blocks, padded to BLOCK_WINDOW], all 0 between searches; ``group_maxima`` uint16: the
    largest upper bound of each group. By candidate: ``blocks`` uint32, ``keys`` uint16: its upper bound; ``order``
    uint32 [blocks]: blocks, best first. ``histogram`` int64 [STEPS + 1]. By dense component of the query: ``offsets``
    int64 and ``weights`` uint16 [dimension]. The heaviest components of the query, unless all are bounded:
    ``components`` uint32 and ``values`` float32 [dimension].
    """

    upper_bounds: U16
    group_maxima: U16
    blocks: U32
    keys: U16
    order: U32
    histogram: I64
    offsets: I64
    weights: U16
    components: U32
    values: F32


@jit
def make_bound_scratch(dimension: int, groups: int) -> BoundScratch:
    """Make scratch arrays for shards of up to `groups` groups of blocks."""
    return BoundScratch(
        np.zeros(max(1, -(-groups // WINDOW_GROUPS)) * BLOCK_WINDOW, np.uint16),  # room for any 16-bit block number
        np.zeros(groups, np.uint16),
        np.empty(groups * GROUP, np.uint32),
        np.empty(groups * GROUP, np.uint16),
        np.empty(groups * GROUP, np.uint32),
        np.empty(STEPS + 1, np.int64),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.uint16),
        np.empty(dimension, np.uint32),
        np.empty(dimension, np.float32),
    )


@jit(inline=True)
def unit_of(scales: F32, components: U32, values: F32) -> float:
    """Return the score that one unit of an upper bound stands for, such that no sum overflows 16 bits."""
    total, terms = np.float64(0), len(components)
    for term in range(terms):
        total += np.float64(values[term]) * np.float64(scales[components[term]])
    room = 65535 - (257 * terms if terms <= TERMS else terms)
    return np.float32(total * 256 / room if total > 0 else np.float64(1))


@jit(inline=True)
def whole_weight(value: float, scale: float, unit: float, terms: int) -> int:
    """Return the integer weight of a component, rounded up."""
    weight = np.int64(np.ceil(np.float64(value) * np.float64(scale) * 256 / np.float64(unit)))
    return max(weight, 256) if terms <= TERMS else weight


@jit(inline=True)
def bound_threshold(score: float, unit: float, terms: int) -> int:
    """Return the smallest upper bound whose blocks may reach a score."""
    return max(0, np.int64(np.float32(score) / (unit * SAFETY)) - terms)


@jit(allocates=False)
def choose_heaviest(
    maxima: Maxima, components: U32, values: F32, share: float, scratch: BoundScratch
) -> tuple[int, float]:
    """Copy the components that can add most to a score to the scratch arrays, in the query's order.

    They are the fewest that make up `share` of the largest possible score. Returns their number, and the factor for
    their upper bounds: the components left out are assumed to add half of their share, in proportion.
    """
    total, low, high = np.float64(0), np.float64(0), np.float64(0)
    for term in range(len(components)):
        most = np.float64(values[term]) * np.float64(maxima.scales[components[term]])
        total, high = total + most, max(high, most)
    kept = total
    for _ in range(BISECTIONS):
        middle, mass = (low + high) / 2, np.float64(0)
        for term in range(len(components)):
            most = np.float64(values[term]) * np.float64(maxima.scales[components[term]])
            mass += most if most >= middle else np.float64(0)
        if mass >= share * total:
            low, kept = middle, mass
        else:
            high = middle
    count = 0
    for term in range(len(components)):
        if np.float64(values[term]) * np.float64(maxima.scales[components[term]]) >= low:
            scratch.components[count], scratch.values[count] = components[term], values[term]
            count += 1
    return count, np.sqrt(total / kept) if kept > 0 else np.float64(1)


@jit(allocates=False)
def add_upper_bounds(maxima: Maxima, components: U32, values: F32, groups: int, scratch: BoundScratch) -> float:
    """Fill ``upper_bounds`` and ``group_maxima``, and return the score that one unit stands for.

    upper_bounds[block] = sum over the query's components of weight x code of the component in the block >> 8
    """
    unit, terms, n_rows = unit_of(maxima.scales, components, values), len(components), 0
    for term in range(terms):
        component = np.int64(components[term])
        start, stop = np.int64(maxima.code_starts[component]), np.int64(maxima.code_starts[component + 1])
        if start < stop and maxima.block_starts[component] == maxima.block_starts[component + 1]:
            scratch.offsets[n_rows] = start
            scratch.weights[n_rows] = whole_weight(values[term], maxima.scales[component], unit, terms)
            n_rows += 1
    windows = max(1, -(-groups // WINDOW_GROUPS))
    for window in range(windows):
        for term in range(terms):
            _prefetch_span(maxima, np.int64(components[term]), windows, window)
        for term in range(terms):
            component = np.int64(components[term])
            first, last = window_span(maxima.ends, component, windows, window)
            if first < last:
                weight = whole_weight(values[term], maxima.scales[component], unit, terms)
                start, code_start = np.int64(maxima.block_starts[component]), np.int64(maxima.code_starts[component])
                scatter(
                    maxima.blocks, maxima.codes, start, code_start, first, last, weight, window, scratch.upper_bounds
                )
        for group in range(window * WINDOW_GROUPS, min(groups, (window + 1) * WINDOW_GROUPS)):
            scratch.group_maxima[group] = add_rows(
                scratch.upper_bounds, group * GROUP, maxima.codes, scratch.offsets, scratch.weights, n_rows
            )
    return unit


@jit(inline=True)
def window_span(ends: U32, component: int, windows: int, window: int) -> tuple[int, int]:
    """Return where a component's entries in a window begin and end, counted from its first entry."""
    end = component * windows + window
    return np.int64(ends[end - 1]) if window > 0 else 0, np.int64(ends[end])


@jit(inline=True)
def _prefetch_span(maxima: Maxima, component: int, windows: int, window: int) -> None:
    """Prefetch the first blocks and codes of a component in a window."""
    first, last = window_span(maxima.ends, component, windows, window)
    last = min(last, first + PREFETCHED)
    for entry in range(first, last, CACHE_LINE // 2):
        prefetch(maxima.blocks, maxima.block_starts[component] + entry)
    for entry in range(first, last, CACHE_LINE):
        prefetch(maxima.codes, maxima.code_starts[component] + entry)


@jit(allocates=False)
def restrict(maxima: Maxima, allowed: U8, groups: int, scratch: BoundScratch) -> None:
    """Set the upper bounds of blocks without an allowed document to 0; `allowed` uint8 [blocks] is not empty.

    Under a filter most blocks are of that kind. They would spoil the initial threshold and be sorted in vain.
    """
    for block in range(len(allowed)):
        scratch.upper_bounds[block] = scratch.upper_bounds[block] if allowed[block] != 0 else np.uint16(0)
    for group in range(groups):
        scratch.group_maxima[group] = add_rows(
            scratch.upper_bounds, group * GROUP, maxima.codes, scratch.offsets, scratch.weights, 0
        )


@jit(allocates=False)
def scatter(
    places: U16, codes: U8, start: int, code_start: int, first: int, last: int, weight: int, window: int, sums: U16
) -> None:
    """Add weight x code >> 8 to the blocks of a window, for entries first .. last - 1 of a component.

    Its `places` begin at `start`, its `codes` at `code_start`:
    sums[window * BLOCK_WINDOW + places[start + entry]] += weight * codes[code_start + entry] >> 8
    """
    factor, base = np.uint32(weight), np.uint64(window << BLOCK_WINDOW_BITS)
    for entry in range(first, last):
        more = (factor * np.uint32(codes[np.uint64(code_start + entry)])) >> np.uint32(8)
        sums[base + np.uint64(places[np.uint64(start + entry)])] += np.uint16(more)


@jit(allocates=False)
def collect_blocks(scratch: BoundScratch, groups: int, n_blocks: int, low: int, ceiling: int) -> int:
    """Write the blocks with low <= upper bound < ceiling to ``order``, best first, and return their number."""
    one, count, high = np.uint64(1), 0, low
    for group in range(groups):
        if scratch.group_maxima[group] < low:
            continue
        mask = np.uint64(at_least(scratch.upper_bounds, group * GROUP, np.uint16(low)))
        while mask != 0:
            block = group * GROUP + np.int64(trailing_zeros(mask))
            mask &= mask - one
            upper_bound = np.int64(scratch.upper_bounds[block])
            if upper_bound < ceiling and block < n_blocks:
                scratch.blocks[count], scratch.keys[count] = block, upper_bound
                count += 1
                high = max(high, upper_bound)
    if count == 0:
        return 0
    sort_candidates(scratch.keys, count, low, high, scratch.histogram, scratch.order)
    for rank in range(count):
        scratch.order[rank] = scratch.blocks[scratch.order[rank]]
    return count
