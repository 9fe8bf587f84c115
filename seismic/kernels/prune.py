"""Static pruning: which postings an index keeps, and their inversion."""

import numpy as np
import numpy.typing as npt

from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import Array, jit

SHIFT = 15
"""Positive floats order as their bits do; dropping 15 leaves 8 bits of mantissa and 65,536 buckets."""


@jit
def count_values(values: npt.NDArray[np.float32], histogram: npt.NDArray[np.int64]) -> None:
    """Add every value to its bucket of `histogram` int64 [65536]."""
    bits = values.view(np.uint32)
    for at in range(len(bits)):
        histogram[bits[at] >> SHIFT] += 1


@jit
def count_postings(components: Array, values: Array, threshold: float, counts: npt.NDArray[np.int64]) -> None:
    """Add to counts [dimension] the postings of each component with value >= threshold."""
    for at in range(len(components)):
        if values[at] >= threshold:
            counts[components[at]] += 1


@jit
def invert(
    indptr: Array,
    components: Array,
    values: Array,
    threshold: float,
    starts: npt.NDArray[np.int64],
    positions: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.float32],
) -> None:
    """Component -> (position, value) of the postings with value >= threshold, positions ascending."""
    fill = starts[:-1].copy()
    for document in range(len(indptr) - 1):
        for at in range(indptr[document], indptr[document + 1]):
            if values[at] >= threshold:
                place = fill[components[at]]
                positions[place], weights[place] = document, values[at]
                fill[components[at]] = place + 1


@jit
def prune_postings(
    starts: npt.NDArray[np.int64],
    positions: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.float32],
    cap: int,
    kept_starts: npt.NDArray[np.int64],
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
def _threshold_of(weights: Array, start: int, stop: int, cap: int):
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
