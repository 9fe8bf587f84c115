"""Static pruning: which postings an index keeps, and their inversion."""

import numpy as np

from seismic.kernels.arrays import F32, I64, U32, Ids
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit

SHIFT = 15
"""Positive floats order as their bits do; dropping 15 leaves 8 bits of mantissa and 65,536 buckets."""


@jit
def count_values(values: F32, histogram: I64) -> None:
    """Add every value to its bucket of `histogram` int64 [65536]."""
    bits = values.view(np.uint32)
    for at in range(len(bits)):
        histogram[bits[at] >> SHIFT] += 1


@jit
def count_postings(components: Ids, values: F32, thresholds: F32, counts: I64) -> None:
    """Add to counts [dimension] the postings of each component with value >= thresholds[component]."""
    for at in range(len(components)):
        if values[at] >= thresholds[components[at]]:
            counts[components[at]] += 1


@jit
def invert(
    indptr: I64,
    components: Ids,
    values: F32,
    thresholds: F32,
    starts: I64,
    positions: U32,
    weights: F32,
) -> None:
    """Component -> (position, value) of the postings with value >= thresholds[component], positions ascending."""
    fill = starts[:-1].copy()
    for document in range(len(indptr) - 1):
        for at in range(indptr[document], indptr[document + 1]):
            if values[at] >= thresholds[components[at]]:
                place = fill[components[at]]
                positions[place], weights[place] = document, values[at]
                fill[components[at]] = place + 1


@jit
def prune_postings(
    starts: I64,
    positions: U32,
    weights: F32,
    cap: int,
    kept_starts: I64,
) -> None:
    """Cut every list to its `cap` heaviest postings, in place: lists move up in `positions`, still ascending.

    Among equal weights lower positions stay. Fills `kept_starts` [dimension + 1].
    """
    out = 0
    for component in range(len(starts) - 1):
        start, stop = starts[component], starts[component + 1]
        kept_starts[component] = out
        if stop - start <= cap:
            for at in range(start, stop):
                positions[out] = positions[at]
                out += 1
            continue
        least, ties = _threshold_of(weights, start, stop, cap)
        for at in range(start, stop):
            if weights[at] > least or (weights[at] == least and ties > 0):
                ties -= weights[at] == least
                positions[out] = positions[at]
                out += 1
    kept_starts[len(starts) - 1] = out


@jit
def _threshold_of(weights: F32, start: int, stop: int, cap: int) -> tuple[float, int]:
    """(the cap-th largest weight, how many postings of just that weight to keep)"""
    if cap <= 32:
        chosen = np.empty(cap, np.int64)
        select_heaviest(weights, start, stop, chosen)
        least = weights[chosen[cap - 1]]
    else:
        least = np.partition(weights[start:stop], stop - start - cap)[stop - start - cap]
    above = 0
    for at in range(start, stop):
        above += weights[at] > least
    return least, cap - above
