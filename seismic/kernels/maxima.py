"""Shared blocks: every 8 neighbours in the document order form a block, the same for every list.

A block's summary is the coordinate-wise maximum of its documents, rounded up: query x summary bounds what any of them
can score (block-max pruning, as in BMP, SIGIR 2024, over far smaller blocks in an order that makes them tight).
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward

BLOCK = 8
"""Documents of a shared block. Exact search scores 1,030 documents with blocks of 8, 4,600 with 16, 17,800 with 32."""

GROUP = 64
"""Blocks whose bounds are added up together; rows and bounds are padded to it."""


WINDOW_BITS = 16
WINDOW = 1 << WINDOW_BITS
"""Blocks of a window, within which they are numbered: their bounds stay in the cache while they are added up."""


class Maxima(NamedTuple):
    """Component -> its maxima over shared blocks, as codes: value <= scale of the component x code.

    A sparse component has ``blocks`` uint16, each its place in a window, ascending, and as many ``codes`` uint8; a
    dense one has no blocks and a code for each block, padded to a multiple of GROUP. ``block_starts`` and
    ``code_starts`` int32 [dimension + 1]; ``ends`` uint32 [dimension x windows]: where the blocks of each window end,
    from the component's start; ``scales`` float32 [dimension].
    """

    block_starts: I32
    blocks: U16
    ends: U32
    code_starts: I32
    codes: U8
    scales: F32


def windows_of(documents: int) -> int:
    """Windows of a shard of so many documents."""
    return max(1, -(-documents // (BLOCK * WINDOW)))


@jit
def count_maxima(forward: Forward, first: int, last: int, counts: I32, largest: F32) -> None:
    """In how many of the blocks first .. last - 1 each component occurs, and its `largest` value, [dimension] each."""
    maxima, touched = np.full(len(counts), -1, np.float32), np.empty(len(counts), np.int64)
    for block in range(first, last):
        for component in touched[: _find_maxima(forward, block, maxima, touched)]:
            counts[component] += 1
            largest[component] = max(largest[component], maxima[component])
            maxima[component] = -1


@jit
def fill_maxima(forward: Forward, first: int, last: int, dense: U8, fill: I64, maxima: Maxima) -> None:
    """Fill ``blocks`` and ``codes`` of blocks first .. last - 1, given the starts, the scales, whether a component is
    `dense` uint8 [dimension], and how many blocks before them it has, `fill` [dimension], which is added to."""
    highest, touched = np.full(len(dense), -1, np.float32), np.empty(len(dense), np.int64)
    for block in range(first, last):
        for component in touched[: _find_maxima(forward, block, highest, touched)]:
            ratio = np.float64(highest[component]) / np.float64(maxima.scales[component])
            code = min(255, np.int64(np.ceil(ratio * (1 - 1e-7))))  # the largest value must not round to 256
            highest[component] = -1
            place = block
            if not dense[component]:
                place = fill[component]
                maxima.blocks[maxima.block_starts[component] + place] = block & (WINDOW - 1)
                fill[component] += 1
            maxima.codes[maxima.code_starts[component] + place] = code


@jit
def _find_maxima(forward: Forward, block: int, maxima: F32, touched: I64) -> int:
    """Largest values of a block's components into `maxima` [dimension], elsewhere -1; how many were `touched`."""
    count = 0
    for position in range(block * BLOCK, min(block * BLOCK + BLOCK, len(forward.scales))):
        scale = forward.scales[position]
        for at in range(forward.starts[position], forward.starts[position + 1]):
            component = np.int64(forward.components[at])
            value = scale * (np.float32(forward.codes[at]) + np.float32(forward.residuals[at]) * np.float32(1 / 256))
            if maxima[component] < 0:
                touched[count] = component
                count += 1
            maxima[component] = max(maxima[component], value)
    return count
