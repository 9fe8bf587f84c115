"""Hashes of document ids."""

import numpy as np

from seismic.kernels.arrays import I64, U8, U64
from seismic.kernels.jit import jit


@jit
def hash_texts(starts: I64, text: U8, hashes: U64) -> None:
    """Write the 64-bit FNV-1a hash of text[starts[row] : starts[row + 1]] for each row.

    A final mix makes ids that differ in their last byte differ in all bits.
    """
    for row in range(len(starts) - 1):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(starts[row], starts[row + 1]):
            value = (value ^ np.uint64(text[at])) * np.uint64(0x100000001B3)
        value ^= value >> np.uint64(32)
        hashes[row] = value * np.uint64(0x9E3779B97F4A7C15)
