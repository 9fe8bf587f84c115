"""The heaviest components of a vector."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, Ids
from seismic.kernels.jit import jit


class Heads(NamedTuple):
    """The heaviest components of each document, heaviest first.

    ``components`` uint16 or uint32 and ``values`` float32 [n, cut], of which row r has ``counts`` int32 [n].
    """

    components: Ids
    values: F32
    counts: I32


@jit
def select_heaviest(values: F32, start: int, stop: int, chosen: I64) -> int:
    """Write the places of the largest of values[start:stop] to `chosen`, largest first, and return their number.

    Among equal values the earlier ranks first. Insertion into a short sorted run beats sorting all values.
    """
    cut, size = len(chosen), 0
    for place in range(start, stop):
        value = values[place]
        if size == cut:
            if value <= values[chosen[size - 1]]:
                continue
            size -= 1
        rank = size
        while rank > 0 and values[chosen[rank - 1]] < value:
            chosen[rank] = chosen[rank - 1]
            rank -= 1
        chosen[rank] = place
        size += 1
    return size


@jit
def take_heads(indptr: I64, components: Ids, values: F32, first: int, last: int, heads: Heads) -> None:
    """Fill the heads of documents first .. last - 1 of a CSR triple."""
    chosen = np.empty(heads.components.shape[1], np.int64)
    for document in range(first, last):
        count = select_heaviest(values, indptr[document], indptr[document + 1], chosen)
        heads.counts[document] = count
        for rank in range(count):
            heads.components[document, rank] = components[chosen[rank]]
            heads.values[document, rank] = values[chosen[rank]]
