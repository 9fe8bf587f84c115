"""Hashes of ids, to find documents by."""

import numpy as np

from seismic.kernels.arrays import I64, U8, U64
from seismic.kernels.jit import jit


@jit
def hash_texts(starts: I64, text: U8, hashes: U64) -> None:
    """FNV-1a, 64 bits, of the bytes starts[row] .. starts[row + 1] - 1 of each row, mixed once more so that ids that
    differ in their last byte differ in all bits."""
    for row in range(len(starts) - 1):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(starts[row], starts[row + 1]):
            value = (value ^ np.uint64(text[at])) * np.uint64(0x100000001B3)
        value ^= value >> np.uint64(32)
        hashes[row] = value * np.uint64(0x9E3779B97F4A7C15)
