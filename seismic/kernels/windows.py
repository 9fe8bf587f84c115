"""Bitmaps of the documents whose values lie in a window of a column's sorted order."""

import numpy as np

from seismic.kernels.arrays import U8, U32
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK


@jit(allocates=False)
def mark_places(places: U32, first: int, count: int, bits: U8) -> None:
    """Set bit i of `bits` [blocks] to whether places[i], where the document at position i stands in the sorted order,
    is one of first .. first + count - 1."""
    start, stop, whole = np.uint32(first), np.uint32(first + count), len(places) // BLOCK
    for block in range(whole):
        byte, at = np.uint32(0), block * BLOCK
        for lane in range(BLOCK):
            place = places[at + lane]
            byte |= np.uint32((place >= start) & (place < stop)) << np.uint32(lane)
        bits[block] = byte
    for position in range(whole * BLOCK, len(places)):
        if start <= places[position] < stop:
            bits[whole] |= np.uint8(1 << (position - whole * BLOCK))


@jit(allocates=False)
def mark_positions(positions: U32, bits: U8) -> None:
    """Set the bits at these positions."""
    for position in positions:
        bits[position >> np.uint32(3)] |= np.uint8(1) << np.uint8(position & np.uint32(7))
