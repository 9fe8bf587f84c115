"""Packing: group the documents of a window of neighbours into blocks of 8.

A block is visited if its upper bound reaches the k-th score, so upper bounds should be low. Packing minimises the sum
of squared *masses*, where the mass of a block is the sum of its squared maxima. The square keeps a single block from
collecting the heavy documents: each block holds one or two, and lighter ones that hide below their maxima.
"""

import numpy as np

from seismic.kernels.arrays import F32, F64, I32, I64, U16, U32, Ids
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit

LANES = 128
"""Blocks in a window, whose increases are added together."""

PACKING_WINDOW = LANES * BLOCK
"""Documents in a window. Larger windows hardly save visits."""

FULL = 65535
"""The mass of a window's heaviest document in integer units, so that sums of squares fit 16 bits."""

UNSEEN, ALONE = -1, -2
"""In place of a component's row: not seen in this window; seen in a single document, which needs no row."""


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
        for rank in np.argsort(lightness, kind="mergesort"):
            begin, end = indptr[documents[rank]], indptr[np.int64(documents[rank]) + 1]
            _find_increases(components, values, begin, end, unit, row_of, rows, increases)
            block = _cheapest(masses, increases, counts, len(documents))
            packed[start + block * BLOCK + counts[block]] = documents[rank]
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
    """Give a row to each component that several documents share, and return the number of rows."""
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
    """Return the negative mass of each document."""
    lightness = np.zeros(len(documents), np.float64)
    for rank in range(len(documents)):
        for place in range(indptr[documents[rank]], indptr[np.int64(documents[rank]) + 1]):
            lightness[rank] -= np.float64(values[place]) * np.float64(values[place])
    return lightness


@jit
def _find_increases(
    components: Ids, values: F32, begin: int, end: int, unit: float, row_of: I32, rows: U16, increases: U16
) -> None:
    """Compute by how much a document would increase the mass of each block.

    increases[block] = sum over the document's components of max(0, its square - the block's square)
    """
    increases[:], alone = 0, 0
    for place in range(begin, end):
        row, square = row_of[components[place]], _square(values[place], unit)
        if row < 0:
            alone += square
            continue
        unsigned = np.uint64(row)
        for lane in range(LANES):
            increases[lane] += np.uint16(max(rows[unsigned, lane], square) - rows[unsigned, lane])
    increases += np.uint16(alone)


@jit
def _cheapest(masses: I64, increases: U16, counts: I64, documents: int) -> int:
    """Return the non-full block whose squared mass grows least, the first of equals; the window has `documents`."""
    cheapest, lowest = -1, np.iinfo(np.int64).max
    for block in range(-(-documents // BLOCK)):
        if counts[block] < min(BLOCK, documents - block * BLOCK):
            cost = np.int64(increases[block]) * (2 * masses[block] + np.int64(increases[block]))
            if cost < lowest:
                cheapest, lowest = block, cost
    return cheapest
