"""The documents that share components with a query, found by a pass over all shared blocks."""

import numpy as np

from seismic.kernels.arrays import I64, U8
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, matches
from seismic.kernels.shared import Shared
from seismic.kernels.simd import trailing_zeros


@jit
def mark_matches(shared: Shared, table: QueryTable, allowed: U8, marked: U8) -> None:
    """Mark the documents that have a component of the query in `table`.

    `marked` uint8 [blocks]: bit i of a byte is for document i of the block. `allowed` uint8 [blocks]: the documents
    that may be marked; if it is empty, all may.
    """
    for block in range(len(marked)):
        wanted = np.uint64(allowed[block]) if len(allowed) > 0 else np.uint64(255)
        matching = np.uint64(0)
        if wanted != 0:
            matching = _matching_by_rows(shared, table, block, wanted)
            if matching != wanted:
                matching |= _matching_by_own(shared, table, block) & wanted
        marked[block] = np.uint8(matching)


@jit(inline=True)
def _matching_by_rows(shared: Shared, table: QueryTable, block: int, wanted: np.uint64) -> np.uint64:
    """Return the documents that match by a shared component."""
    matching, one = np.uint64(0), np.uint64(1)
    last = np.int64(shared.starts[block + 1])
    for first in range(np.int64(shared.starts[block]), last, 64):
        mask = matches(shared.components, first, last, table)
        while mask != 0:
            row = np.uint64(first + trailing_zeros(mask))
            mask &= mask - one
            if table.weights[shared.components[row]] != 0:
                matching |= np.uint64(shared.documents[row]) & wanted
        if matching == wanted:
            break
    return matching


@jit(inline=True)
def _matching_by_own(shared: Shared, table: QueryTable, block: int) -> np.uint64:
    """Return the documents that match by an own component."""
    matching, one, document = np.uint64(0), np.uint64(1), 0
    start, last = np.int64(shared.own_starts[block]), np.int64(shared.own_starts[block + 1])
    for first in range(start, last, 64):
        mask = matches(shared.own_components, first, last, table)
        while mask != 0:
            entry = first + np.int64(trailing_zeros(mask))
            mask &= mask - one
            if table.weights[shared.own_components[np.uint64(entry)]] != 0:
                while document < BLOCK - 1 and entry - start >= np.int64(shared.own_ends[block * BLOCK + document]):
                    document += 1
                matching |= one << np.uint64(document)
    return matching


@jit
def count_matches(shared: Shared, table: QueryTable, allowed: U8, counts: I64) -> None:
    """Add to `counts` int64 [dimension] how many documents have each component of the query in `table`.

    `allowed`: as for `mark_matches`.
    """
    for block in range(len(shared.starts) - 1):
        wanted = np.uint64(allowed[block]) if len(allowed) > 0 else np.uint64(255)
        if wanted != 0:
            _count_by_rows(shared, table, block, wanted, counts)
            _count_by_own(shared, table, block, wanted, counts)


@jit(inline=True)
def _count_by_rows(shared: Shared, table: QueryTable, block: int, wanted: np.uint64, counts: I64) -> None:
    """Count the documents of a block that have a component as a shared one."""
    one, last = np.uint64(1), np.int64(shared.starts[block + 1])
    for first in range(np.int64(shared.starts[block]), last, 64):
        mask = matches(shared.components, first, last, table)
        while mask != 0:
            row = np.uint64(first + trailing_zeros(mask))
            mask &= mask - one
            component = shared.components[row]
            if table.weights[component] != 0:
                documents = np.uint64(shared.documents[row]) & wanted
                while documents != 0:
                    documents &= documents - one
                    counts[component] += 1


@jit(inline=True)
def _count_by_own(shared: Shared, table: QueryTable, block: int, wanted: np.uint64, counts: I64) -> None:
    """Count the documents of a block that have a component as an own one."""
    one, document = np.uint64(1), 0
    start, last = np.int64(shared.own_starts[block]), np.int64(shared.own_starts[block + 1])
    for first in range(start, last, 64):
        mask = matches(shared.own_components, first, last, table)
        while mask != 0:
            entry = first + np.int64(trailing_zeros(mask))
            mask &= mask - one
            component = shared.own_components[np.uint64(entry)]
            if table.weights[component] != 0:
                while document < BLOCK - 1 and entry - start >= np.int64(shared.own_ends[block * BLOCK + document]):
                    document += 1
                counts[component] += np.int64((wanted >> np.uint64(document)) & one)
