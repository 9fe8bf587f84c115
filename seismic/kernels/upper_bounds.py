"""Upper bounds of all shared blocks: the sum of weight x maximum over the query's components, in 16 bits.

An upper bound is stored as a sum of weight x code >> 8. Integer weights are rounded up, so that no document of the
block scores more than `unit` x (upper bound + terms), where `terms` is the number of the query's components.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U8, U16, U32
from seismic.kernels.constants import BLOCK_WINDOW, BLOCK_WINDOW_BITS, CACHE_LINE, GROUP, SUPERBLOCK
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import SAFETY
from seismic.kernels.simd import add_rows, add_rows_over, prefetch

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
    largest upper bound of each group. By candidate: ``blocks`` uint32, ``keys`` uint16: its upper bound. By rank, best
    first: ``order`` uint32 [blocks] and ``bounds`` uint16. ``histogram`` int64 [STEPS + 1]. By dense component of the
    query: ``offsets`` int64 and ``weights`` uint16 [dimension]. By light component (see `add_upper_bounds`):
    ``light_offsets`` and ``super_offsets`` int64, ``light_weights`` uint16 [dimension]; ``superblocks`` uint16: what
    they add at most to the blocks of each. The heaviest components of the query, unless all are bounded:
    ``components`` uint32 and ``values`` float32 [dimension].
    """

    upper_bounds: U16
    group_maxima: U16
    blocks: U32
    keys: U16
    order: U32
    bounds: U16
    histogram: I64
    offsets: I64
    weights: U16
    light_offsets: I64
    super_offsets: I64
    light_weights: U16
    superblocks: U16
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
        np.empty(groups * GROUP, np.uint16),
        np.empty(STEPS + 1, np.int64),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.uint16),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.uint16),
        np.empty(-(-groups // SUPERBLOCK) * GROUP, np.uint16),
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


@jit(inline=True)
def _least_heavy(scales: F32, components: U32, values: F32, share: float) -> float:
    """Return the least value x scale of the heaviest components, the fewest that make up `share` of all."""
    total, low, high = np.float64(0), np.float64(0), np.float64(0)
    for term in range(len(components)):
        most = np.float64(values[term]) * np.float64(scales[components[term]])
        total, high = total + most, max(high, most)
    for _ in range(BISECTIONS):
        middle, mass = (low + high) / 2, np.float64(0)
        for term in range(len(components)):
            most = np.float64(values[term]) * np.float64(scales[components[term]])
            mass += most if most >= middle else np.float64(0)
        if mass >= share * total:
            low = middle
        else:
            high = middle
    return low


@jit(allocates=False)
def choose_heaviest(
    maxima: Maxima, components: U32, values: F32, share: float, scratch: BoundScratch
) -> tuple[int, float]:
    """Copy the components that can add most to a score to the scratch arrays, in the query's order.

    They are the fewest that make up `share` of the largest possible score. Returns their number, and the factor for
    their upper bounds: the components left out are assumed to add half of their share, in proportion.
    """
    low, total, kept = _least_heavy(maxima.scales, components, values, share), np.float64(0), np.float64(0)
    for term in range(len(components)):
        most = np.float64(values[term]) * np.float64(maxima.scales[components[term]])
        total += most
        kept += most if most >= low else np.float64(0)
    count = 0
    for term in range(len(components)):
        if np.float64(values[term]) * np.float64(maxima.scales[components[term]]) >= low:
            scratch.components[count], scratch.values[count] = components[term], values[term]
            count += 1
    return count, np.sqrt(total / kept) if kept > 0 else np.float64(1)


@jit(allocates=False)
def add_upper_bounds(
    maxima: Maxima, components: U32, values: F32, light_share: float, groups: int, scratch: BoundScratch
) -> tuple[float, int]:
    """Fill ``upper_bounds`` and ``group_maxima``. Return the score that one unit stands for, and the number of light
    components.

    upper_bounds[block] = sum over the query's components of weight x code of the component in the block >> 8

    The lightest components, which together make up at most `light_share` of the largest possible score, are many and
    decide little. Where they are dense and the shard has maxima of superblocks, those are added instead of the blocks'
    own; `candidate_blocks.refine` makes up for it.
    """
    unit, terms = unit_of(maxima.scales, components, values), len(components)
    n_rows, n_light = _choose_rows(maxima, components, values, light_share, unit, groups, scratch)
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
        if n_light > 0:
            _add_superblocks(maxima, n_light, groups, window, scratch)
        for group in range(window * WINDOW_GROUPS, min(groups, (window + 1) * WINDOW_GROUPS)):
            if n_light > 0:
                scratch.group_maxima[group] = add_rows_over(
                    scratch.upper_bounds,
                    group * GROUP,
                    scratch.superblocks,
                    maxima.codes,
                    scratch.offsets,
                    scratch.weights,
                    n_rows,
                )
            else:
                scratch.group_maxima[group] = add_rows(
                    scratch.upper_bounds, group * GROUP, maxima.codes, scratch.offsets, scratch.weights, n_rows
                )
    return unit, n_light


@jit(inline=True)
def _choose_rows(
    maxima: Maxima, components: U32, values: F32, light_share: float, unit: float, groups: int, scratch: BoundScratch
) -> tuple[int, int]:
    """Write where the rows of the dense components begin, and their weights. Return their number and that of light
    ones."""
    terms, n_rows, n_light, heavy = len(components), 0, 0, np.float64(-1)
    for term in range(terms):
        component = np.int64(components[term])
        start, stop = np.int64(maxima.code_starts[component]), np.int64(maxima.code_starts[component + 1])
        if start == stop or maxima.block_starts[component] < maxima.block_starts[component + 1]:
            continue
        weight = whole_weight(values[term], maxima.scales[component], unit, terms)
        most = np.float64(values[term]) * np.float64(maxima.scales[component])
        with_superblocks = stop - start > groups * GROUP
        if with_superblocks and light_share > 0 and heavy < 0:
            heavy = _least_heavy(maxima.scales, components, values, 1 - light_share)
        if with_superblocks and most < heavy:
            scratch.light_offsets[n_light], scratch.super_offsets[n_light] = start, start + groups * GROUP
            scratch.light_weights[n_light] = weight
            n_light += 1
        else:
            scratch.offsets[n_rows], scratch.weights[n_rows] = start, weight
            n_rows += 1
    return n_rows, n_light


@jit(inline=True)
def _add_superblocks(maxima: Maxima, n_light: int, groups: int, window: int, scratch: BoundScratch) -> None:
    """Add up what the light components add at most to the superblocks of a window."""
    first = window * WINDOW_GROUPS // SUPERBLOCK
    last = min(-(-groups // SUPERBLOCK), (window + 1) * WINDOW_GROUPS // SUPERBLOCK)
    scratch.superblocks[first * GROUP : last * GROUP] = 0
    for line in range(first, last):
        add_rows(scratch.superblocks, line * GROUP, maxima.codes, scratch.super_offsets, scratch.light_weights, n_light)


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
