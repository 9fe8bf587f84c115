"""Candidate blocks in order: an initial threshold and a counting sort.

The plans that skip blocks visit candidates round by round, from the largest 16-bit keys (upper bounds or estimates) to
the smallest. A full sort would cost more than it saves, so candidates are sorted in a few steps of their key.
"""

import numpy as np

from seismic.kernels.arrays import I64, U16, U32
from seismic.kernels.jit import jit

KEY_BITS = 16
"""Bits in a key."""


@jit(allocates=False)
def initial_threshold(group_maxima: U16, groups: int, wanted: int, histogram: I64) -> int:
    """Return a key that at least `wanted` groups of blocks reach, or 0 if there are fewer.

    The blocks of these groups give a first k-th score. The key is rounded down to a step of `histogram` int64
    [steps + 1]; `steps` is a power of 2.
    """
    steps = len(histogram) - 1
    histogram[:] = 0
    for group in range(groups):
        histogram[(np.int64(group_maxima[group]) * steps) >> KEY_BITS] += 1
    bucket = steps
    while bucket > 0 and wanted > 0:
        bucket -= 1
        wanted -= histogram[bucket]
    return (bucket << KEY_BITS) // steps


@jit(allocates=False)
def sort_candidates(keys: U16, count: int, low: int, high: int, histogram: I64, order: U32) -> None:
    """Write candidates 0 .. count - 1 to `order`, largest key first, equal ones by number.

    Keys lie between `low` and `high`. Those in the same of the len(histogram) - 1 steps between count as equal.
    """
    steps = len(histogram) - 1
    factor = np.float32(steps - 1) / np.float32(max(1, high - low))
    histogram[:] = 0
    for candidate in range(count):
        histogram[steps - np.int64(np.float32(np.int64(keys[candidate]) - low) * factor)] += 1
    for bucket in range(steps):
        histogram[bucket + 1] += histogram[bucket]
    for candidate in range(count):
        bucket = steps - 1 - np.int64(np.float32(np.int64(keys[candidate]) - low) * factor)
        order[histogram[bucket]] = candidate
        histogram[bucket] += 1
