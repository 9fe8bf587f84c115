"""Shared blocks: which 8 documents of a window of neighbours go together.

A block is visited when its bound reaches the k-th best score, so bounds should be low where no document scores high:
the aim is the least sum of squared *masses*, a block's mass being the sum of its squared maxima. Squares keep any one
block from collecting heavy documents: each holds one or two, and lighter ones that hide below their maxima.

Blocks visited for the best 10 of 319,203 documents, packed within windows of 512 clustered ones: 79. Without packing,
in random order within clusters of 40: 131; nearest to the centroid first: 127; longest first: 158. Blocks grown one by
one by their least increase: 152; the least sum of masses: 184; recursive graph bisection of windows: 163 to 205. Swaps
between packed blocks save another 2%, and 5% for the best 1,000, for ten times the time.
"""

import numpy as np

from seismic.kernels.arrays import F32, F64, I32, I64, U16, U32, Ids
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit

LANES = 128
"""Blocks of a window, whose increases are added up side by side."""

PACKING_WINDOW = LANES * BLOCK
"""Documents of a window. Windows of 128 let exact search visit 89 blocks, of 512 79, of 1,024 77, of 4,096 75."""

FULL = 65535
"""The mass of a window's heaviest document, in integer steps: sums of squares fit 16 bits."""

UNSEEN, ALONE = -1, -2
"""In place of a component's row: not met so far in this window; met in one document, which needs no row."""


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
    """Pack documents order[first:last] of a CSR triple into blocks, window by window, in packed[first:last].

    `first` is a multiple of PACKING_WINDOW. The heaviest document goes first, each to the non-full block whose squared
    mass grows least; ties go by order.
    """
    row_of, rows = np.full(dimension, UNSEEN, np.int32), np.zeros((0, LANES), np.uint16)
    masses, counts, increases = np.empty(LANES, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.uint16)
    for start in range(first, last, PACKING_WINDOW):
        documents = order[start : min(start + PACKING_WINDOW, last)]
        n_rows = _number_rows(indptr, components, documents, row_of)
        if n_rows > len(rows):
            rows = np.empty((n_rows, LANES), np.uint16)
        rows[:n_rows], masses[:], counts[:] = 0, 0, 0
        lightness = _lightness(indptr, values, documents)
        unit = FULL / max(-lightness.min(), 1e-300)
        for at in np.argsort(lightness, kind="mergesort"):
            begin, end = indptr[documents[at]], indptr[np.int64(documents[at]) + 1]
            _find_increases(components, values, begin, end, unit, row_of, rows, increases)
            block = _cheapest(masses, increases, counts, len(documents))
            packed[start + block * BLOCK + counts[block]] = documents[at]
            counts[block] += 1
            masses[block] += increases[block]
            for place in range(begin, end):
                row = row_of[components[place]]
                if row >= 0:
                    rows[row, block] = max(rows[row, block], _square(values[place], unit))
        _forget_rows(indptr, components, documents, row_of)


@jit(inline=True)
def _square(value: float, unit: float) -> int:
    return np.uint16(np.float64(value) * np.float64(value) * unit)


@jit
def _number_rows(indptr: I64, components: Ids, documents: U32, row_of: I32) -> int:
    """Give each component that some of the documents share a row; how many there are."""
    count = 0
    for document in documents:
        for place in range(indptr[document], indptr[np.int64(document) + 1]):
            component = components[place]
            if row_of[component] == UNSEEN:
                row_of[component] = ALONE
            elif row_of[component] == ALONE:
                row_of[component] = count
                count += 1
    return count


@jit
def _forget_rows(indptr: I64, components: Ids, documents: U32, row_of: I32) -> None:
    for document in documents:
        for place in range(indptr[document], indptr[np.int64(document) + 1]):
            row_of[components[place]] = UNSEEN


@jit
def _lightness(indptr: I64, values: F32, documents: U32) -> F64:
    """Minus the mass of each document."""
    lightness = np.zeros(len(documents), np.float64)
    for at in range(len(documents)):
        for place in range(indptr[documents[at]], indptr[np.int64(documents[at]) + 1]):
            lightness[at] -= np.float64(values[place]) * np.float64(values[place])
    return lightness


@jit
def _find_increases(
    components: Ids, values: F32, begin: int, end: int, unit: float, row_of: I32, rows: U16, increases: U16
) -> None:
    """By how much a document would increase the mass of each block."""
    increases[:], alone = 0, 0
    for place in range(begin, end):
        row, square = row_of[components[place]], _square(values[place], unit)
        if row < 0:
            alone += square
            continue
        at = np.uint64(row)
        for lane in range(LANES):
            increases[lane] += np.uint16(max(rows[at, lane], square) - rows[at, lane])
    increases += np.uint16(alone)


@jit
def _cheapest(masses: I64, increases: U16, counts: I64, documents: int) -> int:
    """The block with room, of a window of so many documents, whose squared mass increases least; ties: the first."""
    cheapest, least = -1, np.iinfo(np.int64).max
    for block in range(-(-documents // BLOCK)):
        if counts[block] < min(BLOCK, documents - block * BLOCK):
            cost = np.int64(increases[block]) * (2 * masses[block] + np.int64(increases[block]))
            if cost < least:
                cheapest, least = block, cost
    return cheapest
