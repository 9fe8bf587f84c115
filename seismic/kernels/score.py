"""Scores of documents: query x forward index, by 8-bit codes, and by codes with residuals.

value = scale x (code + residual / 256), residual in [-128, 127]. The code alone is the nearest 8-bit value; both
together hold 16 bits. A search reads residuals only where they can change the answer.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I8, I32, I64, U8, U32, Ids, Numeric
from seismic.kernels.constants import CACHE_LINE
from seismic.kernels.cpu import FORM
from seismic.kernels.jit import jit
from seismic.kernels.signature import mark, signature_mask
from seismic.kernels.simd import prefetch, trailing_zeros

SAFETY = np.float32(1.00001)
"""Factor that makes a float32 sum an upper bound despite rounding."""


class Forward(NamedTuple):
    """The forward index: position -> sparse vector.

    ``numbers`` uint32 [n]: document number within the shard; ``starts`` int32 [n + 1]; ``components`` uint16 or uint32
    [nnz]; ``codes`` uint8 [nnz]; ``residuals`` int8 [nnz]; ``scales`` float32 [n].
    """

    numbers: U32
    starts: I32
    components: Ids
    codes: U8
    residuals: I8
    scales: F32


class QueryTable(NamedTuple):
    """A query as a table: ``weights`` float32 [dimension], 0 for components that the query does not have, and its
    ``signature`` uint8 [128]."""

    weights: F32
    signature: U8


@jit
def make_query_table(dimension: int) -> QueryTable:
    """Make an empty table. It has room for every 16-bit component, also those that only a damaged file holds."""
    return QueryTable(np.zeros(max(dimension, 1 << 16), np.float32), np.zeros(128, np.uint8))


@jit
def load_query(table: QueryTable, components: U32, values: F32) -> float:
    """Write a query to the table, and return the sum of its weights."""
    total = np.float32(0)
    for entry in range(len(components)):
        component = components[entry]
        table.weights[component] = values[entry]
        mark(table.signature, component)
        total += values[entry]
    return total


@jit
def unload_query(table: QueryTable, components: U32) -> None:
    """Clear what `load_query` wrote."""
    for component in components:
        table.weights[component] = 0
    table.signature[:] = 0


@jit(inline=True)
def _dot_by_signature(
    components: Ids, numerators: Numeric, start: int, stop: int, weights: F32, signature: U8
) -> float:
    """Return the sum of weight x numerator. Tests 64 components at once, and looks up only those that pass."""
    total = np.float32(0)
    one = np.uint64(1)
    for block in range(start, stop, 64):
        mask = signature_mask(components, block, stop - block, signature)
        while mask != 0:
            entry = np.uint64(block + trailing_zeros(mask))
            mask &= mask - one
            total += weights[components[entry]] * np.float32(numerators[entry])
    return total


@jit(inline=True)
def _dot_by_lookup(components: Ids, numerators: Numeric, start: int, stop: int, weights: F32, signature: U8) -> float:
    """Return the sum of weight x numerator by a lookup per component, in four sums.

    Skipping four components whose weights are 0 costs more: its branches are hard to predict.
    """
    a = b = c = d = np.float32(0)
    entry = np.uint64(start)
    whole = np.uint64(start + ((stop - start) & ~3))
    while entry < whole:
        a += weights[components[entry]] * np.float32(numerators[entry])
        b += weights[components[entry + np.uint64(1)]] * np.float32(numerators[entry + np.uint64(1)])
        c += weights[components[entry + np.uint64(2)]] * np.float32(numerators[entry + np.uint64(2)])
        d += weights[components[entry + np.uint64(3)]] * np.float32(numerators[entry + np.uint64(3)])
        entry += np.uint64(4)
    while entry < np.uint64(stop):
        a += weights[components[entry]] * np.float32(numerators[entry])
        entry += np.uint64(1)
    return (a + b) + (c + d)


dot = _dot_by_lookup if FORM == "portable" else _dot_by_signature
"""dot(components, numerators, start, stop, weights, signature): float32 sum of weights[components[i]] * numerators[i].

For a document's codes it is the score in units of the scale, off by at most half the query's weight sum."""


@jit(inline=True)
def _matches_by_signature(components: Ids, entry: int, last: int, table: QueryTable) -> int:
    return signature_mask(components, entry, last - entry, table.signature)


@jit(inline=True)
def _matches_by_lookup(components: Ids, entry: int, last: int, table: QueryTable) -> int:
    mask = np.uint64(0)
    for bit in range(min(64, last - entry)):
        mask |= np.uint64(table.weights[components[entry + bit]] != 0) << np.uint64(bit)
    return mask


matches = _matches_by_lookup if FORM == "portable" else _matches_by_signature
"""matches(components, first, last, table): uint64 with bit i set if components[first + i] may be in the query, for
first + i < last and i < 64."""


@jit(inline=True)
def fine(codes: U8, residuals: I8, entry: np.uint64) -> float:
    """Return a stored value in 1/256 of its scale. Residuals that are not stored are 0."""
    return np.float64((np.int64(codes[entry]) << 8) + (np.int64(residuals[entry]) if len(residuals) > 0 else 0))


@jit(inline=True)
def full_score(forward: Forward, position: int, table: QueryTable) -> float:
    """Return the score by codes and residuals. It is added in float64, so that the order of components does not matter:

    float32(scale * sum of weight * (256 * code + residual) / 256)
    """
    components, total, one = forward.components, np.float64(0), np.uint64(1)
    last = np.int64(forward.starts[position + 1])
    for chunk in range(np.int64(forward.starts[position]), last, 64):
        mask = matches(components, chunk, last, table)
        while mask != 0:
            entry = np.uint64(chunk + trailing_zeros(mask))
            mask &= mask - one
            total += np.float64(table.weights[components[entry]]) * fine(forward.codes, forward.residuals, entry)
    return np.float32(np.float64(forward.scales[position]) * total / 256)


@jit(inline=True)
def prefetch_bytes(array: U8, start: int, stop: int) -> None:
    """Prefetch every cache line of an array of bytes from `start` to `stop`."""
    for entry in range(start, stop, CACHE_LINE):
        prefetch(array, entry)


@jit(inline=True)
def prefetch_vector(components: Ids, codes: U8, start: int, stop: int) -> None:
    """Prefetch every cache line of a document's components and codes."""
    for entry in range(start, stop, CACHE_LINE // components.itemsize):
        prefetch(components, entry)
    prefetch_bytes(codes, start, stop)


@jit
def offer(forward: Forward, position: int, table: QueryTable, scores: F32, numbers: I64, size: int) -> int:
    """Offer a document with its full score to the heap, and return the heap's new size."""
    score = full_score(forward, position, table)
    if score > 0:
        return heap.push(scores, numbers, size, score, np.int64(forward.numbers[position]))
    return size
