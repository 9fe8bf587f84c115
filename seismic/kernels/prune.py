"""Static pruning of postings, and their inversion."""

import numpy as np

from seismic.kernels.arrays import F32, I64, U32, Ids
from seismic.kernels.heaviest import select_heaviest
from seismic.kernels.jit import jit

SHIFT = 15
"""Bits dropped from a positive float, whose bits order as it does: 8 bits of mantissa and 65,536 buckets are left."""


@jit
def count_values(values: F32, histogram: I64) -> None:
    """Count every value in its bucket of `histogram` int64 [65536]."""
    bits = values.view(np.uint32)
    for posting in range(len(bits)):
        histogram[bits[posting] >> SHIFT] += 1


@jit
def count_postings(components: Ids, values: F32, thresholds: F32, counts: I64) -> None:
    """Count the postings of each component with value >= thresholds[component] in `counts` [dimension]."""
    for posting in range(len(components)):
        if values[posting] >= thresholds[components[posting]]:
            counts[components[posting]] += 1


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
    """Invert the postings with value >= thresholds[component]: component -> (position, value), positions ascending."""
    fill = starts[:-1].copy()
    for document in range(len(indptr) - 1):
        for posting in range(indptr[document], indptr[document + 1]):
            if values[posting] >= thresholds[components[posting]]:
                place = fill[components[posting]]
                positions[place], weights[place] = document, values[posting]
                fill[components[posting]] = place + 1


@jit
def prune_postings(
    starts: I64,
    positions: U32,
    weights: F32,
    cap: int,
    kept_starts: I64,
) -> None:
    """Cut every list to its `cap` heaviest postings in place, positions still ascending.

    Among equal weights the lower positions stay. The lists close up in `positions`; `kept_starts` [dimension + 1] says
    where each begins.
    """
    out = 0
    for component in range(len(starts) - 1):
        start, stop = starts[component], starts[component + 1]
        kept_starts[component] = out
        if stop - start <= cap:
            for posting in range(start, stop):
                positions[out] = positions[posting]
                out += 1
            continue
        threshold, ties = _threshold_of(weights, start, stop, cap)
        for posting in range(start, stop):
            if weights[posting] > threshold or (weights[posting] == threshold and ties > 0):
                ties -= weights[posting] == threshold
                positions[out] = positions[posting]
                out += 1
    kept_starts[len(starts) - 1] = out


@jit
def _threshold_of(weights: F32, start: int, stop: int, cap: int) -> tuple[float, int]:
    """Return the cap-th largest weight, and the number of postings of exactly that weight to keep."""
    if cap <= 32:
        chosen = np.empty(cap, np.int64)
        select_heaviest(weights, start, stop, chosen)
        threshold = weights[chosen[cap - 1]]
    else:
        threshold = np.partition(weights[start:stop], stop - start - cap)[stop - start - cap]
    above = 0
    for posting in range(start, stop):
        above += weights[posting] > threshold
    return threshold, cap - above
