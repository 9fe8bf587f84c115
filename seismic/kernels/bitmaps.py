"""Bitmaps over the documents of a shard."""

import numpy as np

from seismic.kernels.arrays import U8, U32
from seismic.kernels.jit import jit
from seismic.kernels.simd import ones


@jit(allocates=False)
def flip(positions: U32, first: int, last: int, bits: U8) -> None:
    """Flip the bits of the documents at positions[first:last] in `bits` uint8 [blocks]."""
    for at in range(first, last):
        position = positions[at]
        bits[position >> np.uint32(3)] ^= np.uint8(1) << np.uint8(position & np.uint32(7))


@jit(allocates=False)
def count_bits(bits: U8) -> int:
    """Return the number of set bits."""
    total = 0
    for byte in bits:
        total += ones(np.uint64(byte))
    return total
