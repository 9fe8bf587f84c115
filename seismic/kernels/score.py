"""Scoring a document: query x forward index, by 8-bit codes, and by codes with residuals.

`value = scale x (code + residual / 256)`, residual in [-128, 127]: the code alone is the nearest 8-bit value, and
both together hold 16 bits. A search reads residuals only where they can change the answer.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.kernels import heap, simd
from seismic.kernels.jit import Array, jit
from seismic.kernels.simd import prefetch, signature_mask, trailing_zeros

LINE = 64
"""Bytes of a cache line."""


class Forward(NamedTuple):
    """The forward index: position -> sparse vector.

    ``numbers`` uint32 [n] document number within the shard, ``starts`` int32 [n + 1], ``components`` uint16 or uint32
    [nnz], ``codes`` uint8 [nnz], ``residuals`` int8 [nnz], ``scales`` float32 [n].
    """

    numbers: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int32]
    components: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint8]
    residuals: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


class QueryTable(NamedTuple):
    """A query spread out for lookups: ``weights`` float32 [dimension], 0 where the query has nothing, and its
    1024-bit ``signature`` uint8 [128]."""

    weights: npt.NDArray[np.float32]
    signature: npt.NDArray[np.uint8]


@jit
def load_query(table: QueryTable, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> float:
    """Spread a query out; its weights' sum."""
    total = np.float32(0)
    for at in range(len(components)):
        component = components[at]
        table.weights[component] = values[at]
        table.signature[(component >> 3) & 127] |= np.uint8(1 << (component & 7))
        total += values[at]
    return total


@jit
def unload_query(table: QueryTable, components: npt.NDArray[np.uint32]) -> None:
    """Undo `load_query`, touching only what it touched."""
    for component in components:
        table.weights[component] = 0
        table.signature[(component >> 3) & 127] = 0


@jit
def _dot_by_signature(components: Array, numerators: Array, start, stop, table):
    """Sum of weight x numerator over the query's components: 64 tested at once, memory touched for survivors only.

    8-10 ns for a document of 119 components in cache, where a lookup per component takes 36 (four-way unrolled)
    to 193 ns (fastmath loop: LLVM emits slow gathers).
    """
    total = np.float32(0)
    one = np.uint64(1)
    for block in range(start, stop, 64):
        mask = signature_mask(components, block, stop - block, table.signature)
        while mask != 0:
            at = np.uint64(block + trailing_zeros(mask))
            mask &= mask - one
            total += table.weights[components[at]] * np.float32(numerators[at])
    return total


@jit
def _dot_by_lookup(components: Array, numerators: Array, start, stop, table):
    """The same by a lookup per component, four sums side by side."""
    a = b = c = d = np.float32(0)
    weights = table.weights
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


dot = _dot_by_signature if simd.FORM == "avx512" else _dot_by_lookup
"""dot(components, numerators, start, stop, table): float32 sum of weight x numerator over start .. stop - 1."""


@jit
def code_score(forward: Forward, position: int, table: QueryTable) -> float:
    """Score in units of the document's scale, by codes alone; off by half the query's weight sum at most."""
    return dot(forward.components, forward.codes, forward.starts[position], forward.starts[position + 1], table)


@jit
def full_score(forward: Forward, position: int, codes: float, table: QueryTable) -> float:
    """The score by codes and residuals, given `codes` = code_score of the same document."""
    start, stop = forward.starts[position], forward.starts[position + 1]
    residuals = dot(forward.components, forward.residuals, start, stop, table)
    return forward.scales[position] * (codes + residuals * np.float32(1 / 256))


@jit
def prefetch_vector(components: Array, codes: Array, start: int, stop: int) -> None:
    """Ask for every cache line of a document's components and codes."""
    for at in range(start, stop, LINE // components.itemsize):
        prefetch(components, at)
    for at in range(start, stop, LINE):
        prefetch(codes, at)


@jit
def offer(
    forward: Forward,
    position: int,
    table: QueryTable,
    weight_sum: float,
    scores: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    size: int,
) -> int:
    """Score a document by codes and, unless that rules it out, by residuals, and offer it to the heap; its new size."""
    codes = code_score(forward, position, table)
    if size == len(scores):
        most = forward.scales[position] * (codes + np.float32(0.5) * weight_sum)
        if most * np.float32(1.00001) < scores[0]:  # float32 sums are off by less than that
            return size
    score = full_score(forward, position, codes, table)
    if score > 0:
        return heap.push(scores, numbers, size, score, np.int64(forward.numbers[position]))
    return size
