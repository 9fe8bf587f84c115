"""Maxima of shared blocks: every 8 neighbours in the document order form a block, the same for all lists.

A block's maxima are the coordinate-wise maximum of its documents, rounded up: query x maxima is an upper bound of their
scores. This is block-max pruning as in BMP (SIGIR 2024), over far smaller blocks, in an order that makes them tight.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32
from seismic.kernels.constants import BLOCK, BLOCK_WINDOW, GROUP, SUPERBLOCK
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward


class Maxima(NamedTuple):
    """Component -> its maxima over shared blocks, as codes: value <= scale of the component x code.

    A sparse component has ``blocks`` uint16, each a place in its window, ascending, and a code of ``codes`` uint8 for
    each. A dense component has no blocks, and a code for every block, padded to a multiple of GROUP; in large shards
    the largest code of every superblock follows, padded likewise. ``block_starts`` and ``code_starts`` int32
    [dimension + 1]; ``ends`` uint32 [dimension x windows]: where the blocks of each window end, counted from the
    component's start; ``scales`` float32 [dimension].
    """

    block_starts: I32
    blocks: U16
    ends: U32
    code_starts: I32
    codes: U8
    scales: F32


def padded_blocks(documents: int) -> int:
    """Return the number of codes for all blocks in a dense row."""
    return -(-documents // (BLOCK * GROUP)) * GROUP


def padded_superblocks(documents: int) -> int:
    """Return the number of codes for all superblocks in a dense row that has them."""
    return -(-documents // (BLOCK * GROUP * SUPERBLOCK)) * GROUP


def has_superblocks(documents: int) -> bool:
    """Return whether dense rows of a shard have maxima of superblocks: if its upper bounds leave the cache."""
    return block_windows(documents) > 1


def block_windows(documents: int) -> int:
    """Return the number of block windows in a shard of `documents` documents."""
    return max(1, -(-documents // (BLOCK * BLOCK_WINDOW)))


@jit
def count_maxima(forward: Forward, first: int, last: int, counts: I32, largest: F32) -> None:
    """Count the blocks first .. last - 1 that have each component, and find its `largest` value; [dimension] each."""
    maxima, touched = np.full(len(counts), -1, np.float32), np.empty(len(counts), np.int64)
    for block in range(first, last):
        for component in touched[: _find_maxima(forward, block, maxima, touched)]:
            counts[component] += 1
            largest[component] = max(largest[component], maxima[component])
            maxima[component] = -1


@jit
def fill_maxima(forward: Forward, first: int, last: int, dense: U8, fill: I64, maxima: Maxima) -> None:
    """Fill ``blocks`` and ``codes`` of blocks first .. last - 1, given the starts and the scales.

    `dense` uint8 [dimension] says whether a component is dense. `fill` [dimension] counts the blocks of each sparse
    component so far, and is updated.
    """
    highest, touched = np.full(len(dense), -1, np.float32), np.empty(len(dense), np.int64)
    for block in range(first, last):
        for component in touched[: _find_maxima(forward, block, highest, touched)]:
            ratio = np.float64(highest[component]) / np.float64(maxima.scales[component])
            code = min(255, np.int64(np.ceil(ratio * (1 - 1e-7))))  # the largest value must not become 256
            highest[component] = -1
            place = block
            if not dense[component]:
                place = fill[component]
                maxima.blocks[maxima.block_starts[component] + place] = block & (BLOCK_WINDOW - 1)
                fill[component] += 1
            maxima.codes[maxima.code_starts[component] + place] = code


@jit
def fill_superblocks(maxima: Maxima, first: int, last: int, blocks: int) -> None:
    """Fill the codes of superblocks of the dense components first .. last - 1, after those of `blocks` blocks."""
    for component in range(first, last):
        start, stop = np.int64(maxima.code_starts[component]), np.int64(maxima.code_starts[component + 1])
        if start == stop or maxima.block_starts[component] < maxima.block_starts[component + 1]:
            continue
        for superblock in range(blocks // SUPERBLOCK):
            largest = np.uint8(0)
            for block in range(SUPERBLOCK):
                largest = max(largest, maxima.codes[start + superblock * SUPERBLOCK + block])
            maxima.codes[start + blocks + superblock] = largest


@jit
def _find_maxima(forward: Forward, block: int, maxima: F32, touched: I64) -> int:
    """Write the largest values of a block's components to `maxima` [dimension], which is -1 elsewhere.

    Writes these components to `touched`, and returns their number.
    """
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
