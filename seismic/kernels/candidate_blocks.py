"""Candidate blocks: those whose upper bounds reach a threshold, best first."""

import numpy as np

from seismic.kernels.candidates import sort_candidates
from seismic.kernels.constants import GROUP, SUPERBLOCK
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.simd import at_least, prefetch, trailing_zeros
from seismic.kernels.upper_bounds import LARGEST_BOUND, BoundScratch

REFINED_AHEAD = 16
"""Candidates whose light components are prefetched before they are added."""


@jit(allocates=False)
def collect_blocks(scratch: BoundScratch, groups: int, n_blocks: int, low: int, ceiling: int) -> int:
    """Make candidates of the blocks with low <= upper bound < ceiling, and return their number."""
    one, count = np.uint64(1), 0
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
    return count


@jit(allocates=False)
def refine(maxima: Maxima, n_light: int, count: int, least: int, scratch: BoundScratch) -> int:
    """Replace what light components add to the superblocks of candidates by what they add to the blocks themselves.

    The ``keys`` become what the upper bounds are without light components. Candidates below `least` are dropped.
    Returns the number of the others.
    """
    left = 0
    for ahead in range(count + REFINED_AHEAD):
        if ahead < count:
            for row in range(n_light):
                prefetch(maxima.codes, scratch.light_offsets[row] + np.int64(scratch.blocks[ahead]))
        candidate = ahead - REFINED_AHEAD
        if candidate >= 0:
            block = np.int64(scratch.blocks[candidate])
            bound = np.int64(scratch.keys[candidate]) - np.int64(scratch.superblocks[block // SUPERBLOCK])
            for row in range(n_light):
                code = np.int64(maxima.codes[scratch.light_offsets[row] + block])
                bound += (np.int64(scratch.light_weights[row]) * code) >> 8
            if bound >= least:
                scratch.blocks[left], scratch.keys[left] = block, bound
                left += 1
    return left


@jit(allocates=False)
def sort_blocks(scratch: BoundScratch, count: int) -> None:
    """Write candidates and their upper bounds to ``order`` and ``bounds``, best first."""
    if count == 0:
        return
    low, high = LARGEST_BOUND, 0
    for candidate in range(count):
        key = np.int64(scratch.keys[candidate])
        low, high = min(low, key), max(high, key)
    sort_candidates(scratch.keys, count, low, high, scratch.histogram, scratch.order)
    for rank in range(count):
        candidate = scratch.order[rank]
        scratch.order[rank], scratch.bounds[rank] = scratch.blocks[candidate], scratch.keys[candidate]
