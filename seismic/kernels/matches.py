"""Which documents share a component with a query, by looking through all shared blocks."""

import numpy as np

from seismic.kernels.arrays import U8
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, matches
from seismic.kernels.shared import Shared
from seismic.kernels.simd import trailing_zeros


@jit
def mark_matches(shared: Shared, table: QueryTable, allowed: U8, marked: U8) -> None:
    """Set `marked` uint8 [blocks]: bit i of a byte says whether document i of the block has a component of the query
    that `table` holds. `allowed` uint8 [blocks]: documents that may be marked; empty: all."""
    for block in range(len(marked)):
        wanted = np.uint64(allowed[block]) if len(allowed) > 0 else np.uint64(255)
        found = np.uint64(0)
        if wanted != 0:
            found = _of_rows(shared, table, block, wanted)
            if found != wanted:
                found |= _of_own(shared, table, block) & wanted
        marked[block] = np.uint8(found)


@jit(inline=True)
def _of_rows(shared: Shared, table: QueryTable, block: int, wanted: np.uint64) -> np.uint64:
    """Documents that have a shared component of the query."""
    found, one = np.uint64(0), np.uint64(1)
    last = np.int64(shared.starts[block + 1])
    for first in range(np.int64(shared.starts[block]), last, 64):
        mask = matches(shared.components, first, last, table)
        while mask != 0:
            row = np.uint64(first + trailing_zeros(mask))
            mask &= mask - one
            if table.weights[shared.components[row]] != 0:
                found |= np.uint64(shared.documents[row]) & wanted
        if found == wanted:
            break
    return found


@jit(inline=True)
def _of_own(shared: Shared, table: QueryTable, block: int) -> np.uint64:
    """Documents that have a component of the query for themselves."""
    found, one, document = np.uint64(0), np.uint64(1), 0
    start, last = np.int64(shared.own_starts[block]), np.int64(shared.own_starts[block + 1])
    for first in range(start, last, 64):
        mask = matches(shared.own_components, first, last, table)
        while mask != 0:
            at = first + np.int64(trailing_zeros(mask))
            mask &= mask - one
            if table.weights[shared.own_components[np.uint64(at)]] != 0:
                while document < BLOCK - 1 and at - start >= np.int64(shared.own_ends[block * BLOCK + document]):
                    document += 1
                found |= one << np.uint64(document)
    return found
