"""Scoring a document: query x forward index, by 8-bit codes, and by codes with residuals.

`value = scale x (code + residual / 256)`, residual in [-128, 127]: the code alone is the nearest 8-bit value, and
both together hold 16 bits. A search reads residuals only where they can change the answer.
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
"""Makes a float32 sum an upper bound in spite of its rounding."""


class Forward(NamedTuple):
    """The forward index: position -> sparse vector.

    ``numbers`` uint32 [n] document number within the shard, ``starts`` int32 [n + 1], ``components`` uint16 or uint32
    [nnz], ``codes`` uint8 [nnz], ``residuals`` int8 [nnz], ``scales`` float32 [n].
    """

    numbers: U32
    starts: I32
    components: Ids
    codes: U8
    residuals: I8
    scales: F32


class QueryTable(NamedTuple):
    """A query spread out for lookups: ``weights`` float32 [dimension], 0 where the query has nothing, and its
    ``signature`` uint8 [128]."""

    weights: F32
    signature: U8


@jit
def make_query_table(dimension: int) -> QueryTable:
    """A table of nothing. Every component of 16 bits has its place, even those that only a damaged file holds."""
    return QueryTable(np.zeros(max(dimension, 1 << 16), np.float32), np.zeros(128, np.uint8))


@jit
def load_query(table: QueryTable, components: U32, values: F32) -> float:
    """Spread a query out; its weights' sum."""
    total = np.float32(0)
    for at in range(len(components)):
        component = components[at]
        table.weights[component] = values[at]
        mark(table.signature, component)
        total += values[at]
    return total


@jit
def unload_query(table: QueryTable, components: U32) -> None:
    """Undo `load_query`, touching only what it touched."""
    for component in components:
        table.weights[component] = 0
    table.signature[:] = 0


@jit(inline=True)
def _dot_by_signature(
    components: Ids, numerators: Numeric, start: int, stop: int, weights: F32, signature: U8
) -> float:
    """Sum of weight x numerator over the query's components: 64 tested at once, memory touched for survivors only."""
    total = np.float32(0)
    one = np.uint64(1)
    for block in range(start, stop, 64):
        mask = signature_mask(components, block, stop - block, signature)
        while mask != 0:
            at = np.uint64(block + trailing_zeros(mask))
            mask &= mask - one
            total += weights[components[at]] * np.float32(numerators[at])
    return total


@jit(inline=True)
def _dot_by_lookup(components: Ids, numerators: Numeric, start: int, stop: int, weights: F32, signature: U8) -> float:
    """The same by a lookup per component, four sums side by side.

    To skip four components whose weights sum to 0 takes a search from 194 to 262 us, for its branches cannot be
    foretold; where the same documents are scored time and again they can, and it looks like a gain of a third.
    """
    a = b = c = d = np.float32(0)
    at = np.uint64(start)
    whole = np.uint64(start + ((stop - start) & ~3))
    while at < whole:
        a += weights[components[at]] * np.float32(numerators[at])
        b += weights[components[at + np.uint64(1)]] * np.float32(numerators[at + np.uint64(1)])
        c += weights[components[at + np.uint64(2)]] * np.float32(numerators[at + np.uint64(2)])
        d += weights[components[at + np.uint64(3)]] * np.float32(numerators[at + np.uint64(3)])
        at += np.uint64(4)
    while at < np.uint64(stop):
        a += weights[components[at]] * np.float32(numerators[at])
        at += np.uint64(1)
    return (a + b) + (c + d)


dot = _dot_by_lookup if FORM == "portable" else _dot_by_signature
"""dot(components, numerators, start, stop, weights, signature): float32 sum of weight x numerator.

Of a document's codes it is the score in units of its scale, off by half the query's weight sum at most."""


@jit(inline=True)
def _matches_by_signature(components: Ids, at: int, last: int, table: QueryTable) -> int:
    return signature_mask(components, at, last - at, table.signature)


@jit(inline=True)
def _matches_by_lookup(components: Ids, at: int, last: int, table: QueryTable) -> int:
    mask = np.uint64(0)
    for bit in range(min(64, last - at)):
        mask |= np.uint64(table.weights[components[at + bit]] != 0) << np.uint64(bit)
    return mask


matches = _matches_by_lookup if FORM == "portable" else _matches_by_signature
"""matches(components, at, last, table): uint64 with bit i set if components[at + i] may be in the query, at + i < last
and i < 64."""


@jit(inline=True)
def fine(codes: U8, residuals: I8, at: np.uint64) -> float:
    """A stored value in 1 / 256 of its scale; without residuals they are 0."""
    return np.float64((np.int64(codes[at]) << 8) + (np.int64(residuals[at]) if len(residuals) > 0 else 0))


@jit(inline=True)
def full_score(forward: Forward, position: int, table: QueryTable) -> float:
    """The score by codes and residuals, added up in float64: a document has one score, in whatever order its components
    lie."""
    components, total, one = forward.components, np.float64(0), np.uint64(1)
    last = np.int64(forward.starts[position + 1])
    for chunk in range(np.int64(forward.starts[position]), last, 64):
        mask = matches(components, chunk, last, table)
        while mask != 0:
            at = np.uint64(chunk + trailing_zeros(mask))
            mask &= mask - one
            total += np.float64(table.weights[components[at]]) * fine(forward.codes, forward.residuals, at)
    return np.float32(np.float64(forward.scales[position]) * total / 256)


@jit(inline=True)
def prefetch_bytes(array: U8, start: int, stop: int) -> None:
    """Ask for every cache line of an array of bytes from `start` to `stop`."""
    for at in range(start, stop, CACHE_LINE):
        prefetch(array, at)


@jit(inline=True)
def prefetch_vector(components: Ids, codes: U8, start: int, stop: int) -> None:
    """Ask for every cache line of a document's components and codes."""
    for at in range(start, stop, CACHE_LINE // components.itemsize):
        prefetch(components, at)
    prefetch_bytes(codes, start, stop)


@jit
def offer(forward: Forward, position: int, table: QueryTable, scores: F32, numbers: I64, size: int) -> int:
    """Offer a document to the heap by its full score; the heap's new size."""
    score = full_score(forward, position, table)
    if score > 0:
        return heap.push(scores, numbers, size, score, np.int64(forward.numbers[position]))
    return size
