"""The sorted order of a column: windows of values, of any width, without looking at all documents' values."""

from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.changes.live import LiveShard
from seismic.filters.bits import Bits, none_of
from seismic.filters.columns import values_of
from seismic.filters.predicates import Within
from seismic.kernels.windows import mark_places, mark_positions

ABSENT = np.uint32(2**32 - 1)
"""The place of a document without a value."""

MARKED = 16
"""A window that has one of so many documents, or more, is found by comparing the places of all, which are read one
after another; a narrower one by marking its documents, wherever they are."""


class SortedColumn:
    """One shard's documents in the order of their values in a column.

    ``values`` [n]: ascending, of the documents that have one; ``positions`` uint32 [n] theirs; ``places`` uint32
    [documents]: by position, the place in that order, or ABSENT.
    """

    def __init__(self, shard: LiveShard, leaf: Within) -> None:
        values, valid = values_of(shard.shard.documents[leaf.column].chunks, leaf.kind)
        numbers = np.flatnonzero(valid)
        order = numbers[np.argsort(values[numbers], kind="stable")]
        self.values: npt.NDArray[Any] = values[order]
        self.positions: npt.NDArray[np.uint32] = shard.positions(order)
        self.places = np.full(len(shard), ABSENT, np.uint32)
        self.places[self.positions] = np.arange(len(order), dtype=np.uint32)

    def within(self, low: np.generic, high: np.generic) -> Bits:
        """The documents whose values lie between `low` and `high`, which are of the values' type, both included."""
        first, last = int(np.searchsorted(self.values, low, "left")), int(np.searchsorted(self.values, high, "right"))
        bits = none_of(len(self.places))
        if (last - first) * MARKED < len(self.places):
            mark_positions(self.positions[first:last], bits)
        else:
            mark_places(self.places, first, last - first, bits)
        return bits
