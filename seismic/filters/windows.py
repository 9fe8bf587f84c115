"""The sorted order of a column: windows of values, of any width, without looking at all documents' values."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.filters.bits import Bits
from seismic.filters.columns import values_of
from seismic.kernels.maxima import BLOCK
from seismic.kernels.windows import flip

STEPS = 32
"""Beginnings of the order whose bitmaps are kept: as much memory as the documents' positions."""


class SortedColumn:
    """One shard's documents in the order of their values in a column.

    ``values`` [n]: ascending, of the documents that have one; ``positions`` uint32 [n] theirs; ``beginnings`` uint8
    [STEPS + 1, blocks]: row i has the bits of the first i x ``step`` documents, of all n at most.
    """

    def __init__(self, chunks: Iterable[pa.Array], kind: pa.DataType, positions: npt.NDArray[np.uint32]) -> None:
        """A column whose values are of type `kind`; `positions` uint32 [documents] by number."""
        values, valid = values_of(chunks, kind)
        numbers = np.flatnonzero(valid)
        order = numbers[np.argsort(values[numbers], kind="stable")]
        self.values: npt.NDArray[Any] = values[order]
        self.positions: npt.NDArray[np.uint32] = positions[order]
        self.step = max(1, -(-len(order) // STEPS))
        self.beginnings = np.zeros((STEPS + 1, -(-len(positions) // BLOCK)), np.uint8)
        for row in range(STEPS):
            self.beginnings[row + 1] = self.beginnings[row]
            flip(self.positions, self._end_of(row), self._end_of(row + 1), self.beginnings[row + 1])

    def within(self, low: np.generic, high: np.generic) -> Bits:
        """The documents whose values lie between `low` and `high`, which are of the values' type, both included.

        A window is what two beginnings differ by, but for the documents between its ends and theirs.
        """
        first, last = int(self.values.searchsorted(low, "left")), int(self.values.searchsorted(high, "right"))
        row, other = round(first / self.step), round(last / self.step)
        bits: Bits = self.beginnings[row] ^ self.beginnings[other]
        if row == other:
            flip(self.positions, first, last, bits)
            return bits
        for one, end in ((first, self._end_of(row)), (last, self._end_of(other))):
            flip(self.positions, min(one, end), max(one, end), bits)
        return bits

    def _end_of(self, row: int) -> int:
        return min(row * self.step, len(self.positions))
