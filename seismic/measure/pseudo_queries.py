"""Generate queries from documents, for tuning without real queries."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from seismic.errors import InputError
from seismic.vectors import SparseVectors

MEDIAN_LENGTH, LENGTH_SPREAD = 20.0, 0.42
"""Number of components of a query: median, and standard deviation of its logarithm. 90 % have 10 to 40 components,
similar to SPLADE queries."""


class Vectors(Protocol):
    """The part of a shard that queries are generated from."""

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return the live document numbers, ascending."""

    def vectors(self, numbers: npt.NDArray[np.int64], dimension: int) -> SparseVectors:
        """Return the vectors of document numbers."""


def pseudo_queries(shards: Sequence[Vectors], dimension: int, count: int, seed: int) -> SparseVectors:
    """Return `count` queries, at most one per document.

    Each consists of the heaviest components of a random half of a random document's components. The heaviest of all
    components make queries that are easier than real ones.
    """
    numbers = [shard.numbers() for shard in shards]
    ends = np.cumsum([len(live) for live in numbers])

    def vector_of(row: int) -> SparseVectors:
        shard = int(np.searchsorted(ends, row, side="right"))
        return shards[shard].vectors(numbers[shard][[row - ends[shard]]], dimension)  # a negative index, from the end

    return _queries(int(ends[-1]), vector_of, dimension, count, seed)


def queries_of(vectors: SparseVectors, count: int, seed: int) -> SparseVectors:
    """Return `pseudo_queries` of vectors that are not indexed yet."""
    return _queries(len(vectors), lambda number: vectors.slice(number, number + 1), vectors.dimension, count, seed)


def _queries(
    documents: int, vector_of: Callable[[int], SparseVectors], dimension: int, count: int, seed: int
) -> SparseVectors:
    rng = np.random.default_rng(seed)
    rows: list[dict[int, float]] = []
    for number in rng.permutation(documents).tolist():
        vector = vector_of(number)
        if len(vector.components):
            rows.append(_query(vector, rng))
        if len(rows) == count:
            break
    if not rows:
        raise InputError("found only empty documents, expected some with components to generate queries; pass queries")
    return SparseVectors.from_dicts(rows, dimension)


def _query(vector: SparseVectors, rng: np.random.Generator) -> dict[int, float]:
    components, values = vector.components, vector.values
    half = rng.permutation(len(values))[: -(-len(values) // 2)]
    length = max(1, round(MEDIAN_LENGTH * np.exp(LENGTH_SPREAD * rng.standard_normal())))
    heaviest = half[np.argsort(-values[half], kind="stable")[:length]]
    return dict(zip(components[heaviest].tolist(), values[heaviest].tolist(), strict=True))
