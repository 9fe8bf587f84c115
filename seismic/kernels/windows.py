"""Bitmaps over the documents of a shard: counting, and those whose values lie in a window of a column's order."""

import numpy as np

from seismic.kernels.arrays import U8, U32
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK
from seismic.kernels.simd import between, ones


@jit(allocates=False)
def mark_places(places: U32, first: int, count: int, bits: U8) -> None:
    """Set bit i of `bits` [blocks] to whether places[i], where the document at position i stands in the sorted order,
    is one of first .. first + count - 1."""
    start, stop, whole = np.uint32(first), np.uint32(first + count), len(places) // 64 * 64
    for position in range(0, whole, 64):
        mask, block = np.uint64(between(places, position, start, stop)), position // BLOCK
        for byte in range(64 // BLOCK):
            bits[block + byte] = np.uint8((mask >> np.uint64(byte * BLOCK)) & np.uint64(255))
    for position in range(whole, len(places)):
        if start <= places[position] < stop:
            bits[position // BLOCK] |= np.uint8(1 << (position % BLOCK))


@jit(allocates=False)
def mark_positions(positions: U32, bits: U8) -> None:
    """Set the bits at these positions."""
    for position in positions:
        bits[position >> np.uint32(3)] |= np.uint8(1) << np.uint8(position & np.uint32(7))


@jit(allocates=False)
def count_bits(bits: U8) -> int:
    """How many are set."""
    total = 0
    for byte in bits:
        total += ones(np.uint64(byte))
    return total
