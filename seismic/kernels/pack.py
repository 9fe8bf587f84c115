"""Shared blocks: which 8 documents of a window of neighbours go together.

A block is visited when its bound reaches the k-th best score, so bounds should be low where no document scores high:
the aim is the least sum of squared *masses*, a block's mass being the sum of its squared maxima. Squares keep any one
block from collecting heavy documents: each holds one or two, and lighter ones that hide below their maxima.

Blocks visited for the best 10 of 319,203 documents: 79. In random order within clusters of 40 documents 131, nearest to
the centroid first 127, longest first 158; blocks grown one by one by their least increase 152, the least sum of masses
184; recursive graph bisection of windows 163 to 205.
"""

import numpy as np

from seismic.kernels.arrays import F32, I64, U32, Ids
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK

LANES = 64
"""Blocks of a window, whose increases are added up side by side."""

WINDOW = LANES * BLOCK
"""Documents of a window. Windows of 128 let exact search visit 89 blocks, of 512 79, of 1,024 77 for twice the time."""


@jit
def pack_blocks(
    indptr: I64,
    components: Ids,
    values: F32,
    order: U32,
    dimension: int,
    first: int,
    last: int,
    packed: U32,
) -> None:
    """Documents order[first:last] of a CSR triple, window by window, into packed[first:last], block by block.

    `first` is a multiple of WINDOW. Heavy documents come first, each goes to the block whose squared mass it increases
    least; ties go by order.
    """
    row_of, rows = np.full(dimension, -1, np.int32), np.zeros((0, LANES), np.float32)
    masses, increases, counts = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.int64)
    for start in range(first, last, WINDOW):
        stop = min(start + WINDOW, last)
        n_rows = _number_rows(indptr, components, order[start:stop], row_of)
        if n_rows > len(rows):
            rows = np.empty((n_rows, LANES), np.float32)
        rows[:n_rows], masses[:], counts[:] = 0, 0, 0
        for at in np.argsort(_lightness(indptr, values, order[start:stop]), kind="mergesort"):
            document = order[start + at]
            begin, end = indptr[document], indptr[np.int64(document) + 1]
            _find_increases(components, values, begin, end, row_of, rows, increases)
            block = _cheapest(masses, increases, counts, stop - start)
            packed[start + block * BLOCK + counts[block]] = document
            counts[block] += 1
            masses[block] += increases[block]
            for place in range(begin, end):
                row = row_of[components[place]]
                rows[row, block] = max(rows[row, block], values[place] * values[place])
        for document in order[start:stop]:
            for place in range(indptr[document], indptr[np.int64(document) + 1]):
                row_of[components[place]] = -1


@jit
def _number_rows(indptr: I64, components: Ids, documents: U32, row_of: I64) -> int:
    """Give each component of some documents a row of its own; how many there are."""
    count = 0
    for document in documents:
        for place in range(indptr[document], indptr[np.int64(document) + 1]):
            if row_of[components[place]] < 0:
                row_of[components[place]] = count
                count += 1
    return count


@jit
def _lightness(indptr: I64, values: F32, documents: U32) -> F32:
    """Minus the squared length of some documents."""
    lightness = np.zeros(len(documents), np.float32)
    for at in range(len(documents)):
        for place in range(indptr[documents[at]], indptr[np.int64(documents[at]) + 1]):
            lightness[at] -= values[place] * values[place]
    return lightness


@jit
def _find_increases(components: Ids, values: F32, begin: int, end: int, row_of: I64, rows: F32, increases: F32) -> None:
    """By how much a document would increase the mass of each block."""
    increases[:] = 0
    for place in range(begin, end):
        row, square = np.uint64(row_of[components[place]]), values[place] * values[place]
        for lane in range(LANES):
            more = square - rows[row, lane]
            increases[lane] += more if more > 0 else np.float32(0)


@jit
def _cheapest(masses: F32, increases: F32, counts: I64, documents: int) -> int:
    """The block with room, of a window of so many documents, whose squared mass increases least; ties: the first."""
    cheapest, least = -1, np.inf
    for block in range(-(-documents // BLOCK)):
        if counts[block] < min(BLOCK, documents - block * BLOCK):
            increase = np.float64(increases[block])  # squares of squares leave the range of float32
            cost = increase * (2 * np.float64(masses[block]) + increase)
            if cost < least:
                cheapest, least = block, cost
    return cheapest
