"""Bitmaps over the documents of a shard: uint8 [shared blocks], bit i of a byte is document i of the block.

Bits beyond the last document are 0. They are in the shard's own order, as kernels take them.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels.maxima import BLOCK
from seismic.kernels.windows import count_bits

Bits: TypeAlias = npt.NDArray[np.uint8]


def none_of(documents: int) -> Bits:
    """No document."""
    return np.zeros(-(-documents // BLOCK), np.uint8)


def all_of(documents: int) -> Bits:
    """Every document."""
    bits = np.full(-(-documents // BLOCK), 255, np.uint8)
    if documents % BLOCK:
        bits[-1] = (1 << documents % BLOCK) - 1
    return bits


def complement(bits: Bits, documents: int) -> Bits:
    """The other documents."""
    others = ~bits
    if documents % BLOCK:
        others[-1] &= np.uint8((1 << documents % BLOCK) - 1)
    return others


def at_positions(positions: npt.NDArray[np.uint32], documents: int) -> Bits:
    """The documents at these positions."""
    mask = np.zeros(documents, bool)
    mask[positions] = True
    return from_mask(mask)


def from_mask(mask: npt.NDArray[np.bool_]) -> Bits:
    """bool [documents], by position."""
    return np.packbits(mask, bitorder="little")


def count_of(bits: Bits) -> int:
    """How many documents."""
    return int(count_bits(bits))
