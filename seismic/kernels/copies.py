"""Compare the copies of a shard's values: what maxima.arrow and impacts.arrow say of the vectors in shared.arrow.

Searches trust these copies. Each kernel takes the restored vectors of some positions, in order, and continues where the
previous call ended.
"""

import numpy as np

from seismic.kernels.arrays import F32, I64, Ids
from seismic.kernels.constants import (
    BLOCK,
    BLOCK_WINDOW,
    BLOCK_WINDOW_BITS,
    POSITION_WINDOW,
    POSITION_WINDOW_BITS,
)
from seismic.kernels.impacts import Impacts
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import SAFETY
from seismic.kernels.upper_bounds import window_span


@jit
def find_invalid(indptr: I64, components: Ids, values: F32, dimension: int) -> int:
    """Return the first row whose components do not rise to below `dimension`, or whose values are not positive; -1 if
    there is none."""
    for row in range(len(indptr) - 1):
        least = np.int64(0)
        for entry in range(indptr[row], indptr[row + 1]):
            component = np.int64(components[entry])
            if component < least or component >= dimension or not values[entry] > 0:
                return row
            least = component + 1
    return -1


@jit
def find_unlike_impacts(
    impacts: Impacts, windows: int, first: int, indptr: I64, components: Ids, fine: I64, seen: I64
) -> int:
    """Return the first of the positions from `first` on whose values are not the next impacts; -1 if all are.

    `fine` [nnz]: values in 1/256 of the scale. `seen` [dimension]: impacts of each component so far; updated.
    """
    for row in range(len(indptr) - 1):
        window, place = (first + row) >> POSITION_WINDOW_BITS, (first + row) & (POSITION_WINDOW - 1)
        for entry in range(indptr[row], indptr[row + 1]):
            component = np.int64(components[entry])
            start, end = window_span(impacts.ends, component, windows, window)
            if not start <= seen[component] < end:
                return first + row
            at = np.int64(impacts.starts[component]) + seen[component]
            if impacts.positions[at] != place or impacts.values[at] != fine[entry]:
                return first + row
            seen[component] += 1
    return -1


@jit
def find_above_maxima(
    maxima: Maxima, windows: int, first: int, indptr: I64, components: Ids, values: F32, seen: I64
) -> int:
    """Return the first of the positions from `first` on with a value above its block's maximum; -1 if there is none.

    `seen` [dimension]: maxima of earlier blocks, by component; updated.
    """
    for row in range(len(indptr) - 1):
        block = (first + row) // BLOCK
        for entry in range(indptr[row], indptr[row + 1]):
            component = np.int64(components[entry])
            start, place = np.int64(maxima.block_starts[component]), block
            if start < maxima.block_starts[component + 1]:
                place = _find_block(maxima, windows, component, block, seen)
            at = np.int64(maxima.code_starts[component]) + place
            if place < 0 or at >= maxima.code_starts[component + 1]:
                return first + row
            if values[entry] > maxima.scales[component] * np.float32(maxima.codes[at]) * SAFETY:
                return first + row
    return -1


@jit(inline=True)
def _find_block(maxima: Maxima, windows: int, component: int, block: int, seen: I64) -> int:
    """Return the place of a block among a sparse component's maxima, from that of the previous call on; -1 if missing.

    Blocks that are not ascending are missing, too: added twice, they might overflow an upper bound.
    """
    first, last = window_span(maxima.ends, component, windows, block >> BLOCK_WINDOW_BITS)
    start, wanted = np.int64(maxima.block_starts[component]), block & (BLOCK_WINDOW - 1)
    place = max(first, seen[component])
    while place < last and maxima.blocks[start + place] < wanted:
        place += 1
    seen[component] = place
    return place if place < last and maxima.blocks[start + place] == wanted else -1
