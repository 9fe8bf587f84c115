"""The vectors of a shard, in shared blocks of 8 neighbours.

Neighbours are similar: several documents of a block share some of its components, and most matches of a query fall on
those. The shared components come first, row by row, with a code for each document that has them. The others, each
document's own components, are read only if a document of the block can still reach the top k.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I8, I32, I64, U8, U32, Ids
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward, fine, prefetch_bytes, prefetch_vector
from seismic.kernels.simd import ones, prefetch, trailing_zeros


class Shared(NamedTuple):
    """Shared blocks: value = scale x (code + residual / 256), as in the forward index. A layout without residuals has
    empty arrays of them.

    By position: ``numbers`` uint32: document number within the shard; ``scales`` float32.

    Shared components, row by row: ``starts`` int32 [blocks + 1], block -> rows. ``components`` uint16 or uint32,
    ascending within a block. ``documents`` uint8: bit i is set if document i of the block has the component.
    ``code_starts`` int32 [blocks + 1] into ``codes`` uint8 and ``residuals`` int8: row by row, one per set bit.

    Own components, document by document: ``own_starts`` int32 [blocks + 1] into ``own_components``, ``own_codes`` and
    ``own_residuals``. ``own_ends`` uint32 [8 x blocks]: where each document's end, counted from the block's start.
    """

    numbers: U32
    scales: F32
    starts: I32
    components: Ids
    documents: U8
    code_starts: I32
    codes: U8
    residuals: I8
    own_starts: I32
    own_components: Ids
    own_codes: U8
    own_residuals: I8
    own_ends: U32


@jit
def count_shared(forward: Forward, first: int, last: int, dimension: int, rows: I64, codes: I64, own: I64) -> None:
    """Count the `rows`, `codes` and `own` components of blocks first .. last - 1, each int64 [blocks]."""
    documents, touched = np.zeros(dimension, np.uint8), np.empty(dimension, np.int64)
    for block in range(first, last):
        rows[block] = codes[block] = own[block] = 0
        for component in touched[: _mark_documents(forward, block, documents, touched)]:
            count = ones(np.uint64(documents[component]))
            documents[component] = 0
            if count > 1:
                rows[block] += 1
                codes[block] += count
            else:
                own[block] += 1


@jit
def fill_shared(forward: Forward, first: int, last: int, dimension: int, shared: Shared) -> None:
    """Fill blocks first .. last - 1, given their starts. Residuals are left out if there is no room for them."""
    documents, touched = np.zeros(dimension, np.uint8), np.empty(dimension, np.int64)
    rows, places = np.empty(dimension, np.int64), np.empty(dimension, np.int64)
    for block in range(first, last):
        row, place = np.int64(shared.starts[block]), np.int64(shared.code_starts[block])
        for component in np.sort(touched[: _mark_documents(forward, block, documents, touched)]):
            count = ones(np.uint64(documents[component]))
            rows[component] = -1
            if count > 1:
                rows[component], places[component] = row, place
                shared.components[row], shared.documents[row] = component, documents[component]
                row += 1
                place += count
            documents[component] = 0
        _fill_codes(forward, block, rows, places, shared)


@jit
def _fill_codes(forward: Forward, block: int, rows: I64, places: I64, shared: Shared) -> None:
    """Write a block's codes to their rows, or to own components where the row is -1."""
    first, last = block * BLOCK, min(block * BLOCK + BLOCK, len(forward.scales))
    own, whole = np.int64(shared.own_starts[block]), rounding_of(shared) > 0
    for position in range(first, last):
        shared.numbers[position], shared.scales[position] = forward.numbers[position], forward.scales[position]
        for entry in range(forward.starts[position], forward.starts[position + 1]):
            component, code, residual = forward.components[entry], forward.codes[entry], forward.residuals[entry]
            row = rows[component]
            if row < 0:
                shared.own_components[own] = component
                shared.own_codes[own] = code
                if whole:
                    shared.own_residuals[own] = residual
                own += 1
            else:
                shared.codes[places[component]] = code
                if whole:
                    shared.residuals[places[component]] = residual
                places[component] += 1
        shared.own_ends[position] = own - shared.own_starts[block]
    for position in range(last, first + BLOCK):
        shared.own_ends[position] = own - shared.own_starts[block]


@jit
def _mark_documents(forward: Forward, block: int, documents: U8, touched: I64) -> int:
    """Set the bits of the block's documents in `documents` [dimension], and return the number of components touched."""
    count, first = 0, block * BLOCK
    for position in range(first, min(first + BLOCK, len(forward.scales))):
        for entry in range(forward.starts[position], forward.starts[position + 1]):
            component = forward.components[entry]
            if documents[component] == 0:
                touched[count] = component
                count += 1
            documents[component] |= np.uint8(1 << (position - first))
    return count


@jit
def bits_match(documents: U8, starts: I32, code_starts: I32) -> bool:
    """Return whether every block has one code per bit set in its rows of `documents`."""
    for block in range(len(starts) - 1):
        bits = 0
        for row in range(starts[block], starts[block + 1]):
            bits += ones(np.uint64(documents[row]))
        if bits != code_starts[block + 1] - code_starts[block]:
            return False
    return True


@jit
def count_components(shared: Shared, positions: U32, counts: I64) -> None:
    """Count the components of each document at `positions` in `counts` int64 [n]."""
    for entry in range(len(positions)):
        block, document = np.int64(positions[entry]) // BLOCK, np.int64(positions[entry]) % BLOCK
        ends = shared.own_ends[block * BLOCK : block * BLOCK + BLOCK]
        counts[entry] = np.int64(ends[document]) - (np.int64(ends[document - 1]) if document > 0 else 0)
        for row in range(shared.starts[block], shared.starts[block + 1]):
            counts[entry] += (shared.documents[row] >> document) & 1


@jit
def restore(shared: Shared, positions: U32, indptr: I64, components: Ids, values: F32) -> None:
    """Write the vectors at `positions` as float32 values, which `quantize` turns into the same codes and scales again.

    So nothing is lost when a vector moves from one index to another.
    """
    for entry in range(len(positions)):
        position = np.int64(positions[entry])
        block, document = position // BLOCK, position % BLOCK
        scale = shared.scales[position]
        largest = scale * np.float32(255)  # divided by 255, it may miss the scale by a rounding error
        while largest / np.float32(255) < scale:
            largest = np.nextafter(largest, np.float32(np.inf))
        while largest / np.float32(255) > scale:
            largest = np.nextafter(largest, np.float32(0))
        own = np.int64(shared.own_starts[block])
        end = own + np.int64(shared.own_ends[position])
        own += np.int64(shared.own_ends[position - 1]) if document > 0 else 0
        row, place = np.int64(shared.starts[block]), np.int64(shared.code_starts[block])
        for target in range(indptr[entry], indptr[entry + 1]):
            while row < shared.starts[block + 1] and not (shared.documents[row] >> document) & 1:
                place += ones(np.uint64(shared.documents[row]))
                row += 1
            is_row = row < shared.starts[block + 1]
            if is_row and (own == end or shared.components[row] < shared.own_components[own]):
                source = place + ones(np.uint64(shared.documents[row] & ((1 << document) - 1)))
                components[target] = shared.components[row]
                value = fine(shared.codes, shared.residuals, np.uint64(source))
                place += ones(np.uint64(shared.documents[row]))
                row += 1
            else:
                components[target] = shared.own_components[own]
                value = fine(shared.own_codes, shared.own_residuals, np.uint64(own))
                own += 1
            values[target] = largest if value == 65280 else np.float32(np.float64(scale) * value / 256)


@jit(inline=True)
def rounding_of(shared: Shared) -> float:
    """Return the largest difference of a stored value from its code, in units of the scale."""
    whole = len(shared.residuals) == len(shared.codes) and len(shared.own_residuals) == len(shared.own_codes)
    return 0.5 if whole else 0.0


@jit(inline=True)
def own_span(shared: Shared, block: int, mask: int) -> tuple[int, int]:
    """Return where the own components of some of a block's documents begin and end.

    The documents are those from the lowest to the highest bit of `mask`, which is not 0.
    """
    upto = mask | mask >> 1
    upto |= upto >> 2
    upto |= upto >> 4  # all bits up to the highest one set
    first, start = block * BLOCK, np.int64(shared.own_starts[block])
    lowest, highest = np.int64(trailing_zeros(np.uint64(mask))), np.int64(ones(np.uint64(upto))) - 1
    before = np.int64(shared.own_ends[first + lowest - 1]) if lowest > 0 else 0
    return start + before, start + np.int64(shared.own_ends[first + highest])


@jit(inline=True)
def prefetch_starts(shared: Shared, block: int) -> None:
    """Prefetch where a block's values begin, which other prefetches read, and its documents' scales and ends."""
    prefetch(shared.starts, block)
    prefetch(shared.code_starts, block)
    prefetch(shared.own_starts, block)
    prefetch(shared.scales, block * BLOCK)
    prefetch(shared.own_ends, block * BLOCK)


@jit(inline=True)
def prefetch_rows(shared: Shared, block: int) -> None:
    """Prefetch a block's shared components and codes."""
    first, last = np.int64(shared.starts[block]), np.int64(shared.starts[block + 1])
    prefetch_vector(shared.components, shared.documents, first, last)
    prefetch_bytes(shared.codes, np.int64(shared.code_starts[block]), np.int64(shared.code_starts[block + 1]))


@jit(inline=True)
def prefetch_own(shared: Shared, block: int, mask: int) -> None:
    """Prefetch the own components and codes of some documents; see `own_span`."""
    first, last = own_span(shared, block, mask)
    prefetch_vector(shared.own_components, shared.own_codes, first, last)


@jit(inline=True)
def prefetch_block(shared: Shared, block: int) -> None:
    """Prefetch all of a block, residuals included."""
    prefetch_starts(shared, block)
    prefetch_rows(shared, block)
    prefetch_own(shared, block, 255)
    prefetch_bytes(shared.residuals, np.int64(shared.code_starts[block]), np.int64(shared.code_starts[block + 1]))
    prefetch_bytes(shared.own_residuals, np.int64(shared.own_starts[block]), np.int64(shared.own_starts[block + 1]))
