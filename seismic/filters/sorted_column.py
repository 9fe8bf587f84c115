"""The sorted order of a column, for range filters that do not scan all values."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.filters.bits import Bits
from seismic.filters.columns import values_of
from seismic.kernels.bitmaps import flip
from seismic.kernels.constants import BLOCK

PREFIXES = 32
"""Prefixes of the order with a stored bitmap. They take as much memory as the positions."""


class SortedColumn:
    """One shard's documents in the order of their values in a column.

    ``values`` [n]: the values that are not null, ascending; ``positions`` uint32 [n]: their documents; ``prefixes``
    uint8 [PREFIXES + 1, blocks]: row i is the bitmap of the first min(i x ``step``, n) documents.
    """

    def __init__(self, chunks: Iterable[pa.Array], kind: pa.DataType, positions: npt.NDArray[np.uint32]) -> None:
        """Sort a column of type `kind`. `positions`: uint32 [documents], the position of each document number."""
        values, valid = values_of(chunks, kind)
        numbers = np.flatnonzero(valid)
        order = numbers[np.argsort(values[numbers], kind="stable")]
        self.values: npt.NDArray[Any] = values[order]
        self.positions: npt.NDArray[np.uint32] = positions[order]
        self.step = max(1, -(-len(order) // PREFIXES))
        self.prefixes = np.zeros((PREFIXES + 1, -(-len(positions) // BLOCK)), np.uint8)
        for row in range(PREFIXES):
            self.prefixes[row + 1] = self.prefixes[row]
            flip(self.positions, self._end_of(row), self._end_of(row + 1), self.prefixes[row + 1])

    def between(self, low: np.generic, high: np.generic) -> Bits:
        """Return the bitmap of the documents with values in [low, high], both of the column's type.

        It is the XOR of the two nearest prefixes, with the documents between their ends and the range's flipped.
        """
        first, last = int(self.values.searchsorted(low, "left")), int(self.values.searchsorted(high, "right"))
        lower, upper = round(first / self.step), round(last / self.step)
        bits: Bits = self.prefixes[lower] ^ self.prefixes[upper]
        if lower == upper:
            flip(self.positions, first, last, bits)
            return bits
        for end, prefix_end in ((first, self._end_of(lower)), (last, self._end_of(upper))):
            flip(self.positions, min(end, prefix_end), max(end, prefix_end), bits)
        return bits

    def _end_of(self, row: int) -> int:
        return min(row * self.step, len(self.positions))
