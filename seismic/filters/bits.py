"""Bitmaps over the documents of a shard: uint8 [shared blocks], bit i of a byte is document i of the block.

Documents are in the order of positions, as in the kernels. Bits after the last document are 0.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels.bitmaps import count_bits
from seismic.kernels.constants import BLOCK

Bits: TypeAlias = npt.NDArray[np.uint8]


def none_of(documents: int) -> Bits:
    """Return the bitmap of no document."""
    return np.zeros(-(-documents // BLOCK), np.uint8)


def all_of(documents: int) -> Bits:
    """Return the bitmap of all documents."""
    bits = np.full(-(-documents // BLOCK), 255, np.uint8)
    if documents % BLOCK:
        bits[-1] = (1 << documents % BLOCK) - 1
    return bits


def complement(bits: Bits, documents: int) -> Bits:
    """Return the bitmap of the other documents."""
    others = ~bits
    if documents % BLOCK:
        others[-1] &= np.uint8((1 << documents % BLOCK) - 1)
    return others


def at_positions(positions: npt.NDArray[np.uint32], documents: int) -> Bits:
    """Return the bitmap of the documents at `positions`."""
    mask = np.zeros(documents, bool)
    mask[positions] = True
    return from_mask(mask)


def from_mask(mask: npt.NDArray[np.bool_]) -> Bits:
    """Return the bitmap of bool [documents] by position."""
    return np.packbits(mask, bitorder="little")


def count_documents(bits: Bits) -> int:
    """Return the number of documents."""
    return int(count_bits(bits))
