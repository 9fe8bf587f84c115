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
def count_maxima(forward: Forward, counts: I64, largest: F32) -> None:
    """Add up the blocks that each component occurs in, by window, into `counts` [dimension, windows], and find its
    `largest` value [dimension]."""
    last_block = np.full(len(counts), -1, np.int64)
    for position in range(len(forward.scales)):
        block, scale = position // BLOCK, forward.scales[position]
        for at in range(forward.starts[position], forward.starts[position + 1]):
            component = forward.components[at]
            value = _value(forward, scale, at)
            largest[component] = max(largest[component], value)
            if last_block[component] != block:
                last_block[component] = block
                counts[component, block >> WINDOW_BITS] += 1


@jit
def _value(forward: Forward, scale: float, at: int) -> float:
    return scale * (np.float32(forward.codes[at]) + np.float32(forward.residuals[at]) * np.float32(1 / 256))


@jit
def fill_maxima(forward: Forward, dense: U8, maxima: Maxima) -> None:
    """Fill ``blocks`` and ``codes``, given the starts, the scales and whether a component is `dense` uint8
    [dimension]."""
    fill = maxima.code_starts[:-1].astype(np.int64)
    last_block = np.full(len(dense), -1, np.int64)
    for position in range(len(forward.scales)):
        block, scale = position // BLOCK, forward.scales[position]
        for at in range(forward.starts[position], forward.starts[position + 1]):
            component = forward.components[at]
            ratio = np.float64(_value(forward, scale, at)) / np.float64(maxima.scales[component])
            code = min(255, np.int64(np.ceil(ratio * (1 - 1e-7))))  # the largest value must not round to 256
            if dense[component]:
                place = np.int64(maxima.code_starts[component]) + block
            else:
                if last_block[component] != block:
                    last_block[component] = block
                    fill[component] += 1
                place = fill[component] - 1
                entry = place - maxima.code_starts[component] + maxima.block_starts[component]
                maxima.blocks[entry] = block & (WINDOW - 1)
            maxima.codes[place] = max(np.int64(maxima.codes[place]), code)
