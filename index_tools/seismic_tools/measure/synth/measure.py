"""Statistics of collections, and how hard they are to search."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic import Index, SearchParams, SparseVectors
from seismic.builder.order import reordered
from seismic.measure.recall import shares_found
from seismic_tools.measure.synth import kernels

SAMPLE, NEIGHBOURS = 20_000, 500
"""Documents sampled for statistics, and for the search of nearest neighbours."""

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
RANKS = (1, 10, 100, 1_000, 10_000)
PLACES = (1, 2, 4, 8, 16, 32, 64, 128)
PAIRED = 500
"""Number of most frequent components whose pairs are counted."""

NEAR_COPY = 0.85
"""Cosine from which a document counts as a near-copy of another."""

DEPTHS = (10, 100, 1000)
FACTORS = (1.05, 1.12, 1.3)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of vectors. Quantiles are keyed by share; ``frequency``: rank of a component -> share of documents
    with it; ``weights``: place in a document, heaviest first -> mean weight; ``lift``: quantiles over pairs of the most
    frequent components of their co-occurrence relative to independence."""

    documents: int
    mean: float
    lengths: dict[str, float]
    frequency: dict[int, float]
    weights: dict[int, float]
    lift: dict[str, float]


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Cost of searching an index. ``blocks`` visited and ``documents`` scored by exact searches, by k; ``recall`` at
    10, by heap factor; ``neighbours``: quantiles of the cosine of a document and its nearest neighbour."""

    blocks: dict[int, float]
    documents: dict[int, float]
    recall: dict[float, float]
    neighbours: dict[str, float]


def describe(vectors: SparseVectors, count: int | None = None, seed: int = 0) -> Statistics:
    """Return statistics of a random SAMPLE of the vectors; `count`: documents that the vectors represent, if more."""
    some = reordered(vectors, _draw(len(vectors), SAMPLE, seed))
    lengths = np.diff(some.indptr)
    frequency = np.bincount(some.components, minlength=vectors.dimension) / len(some)
    falling = np.empty_like(some.values)
    kernels.sort_falling(some.indptr, some.values, falling)
    descending = np.sort(frequency)[::-1]
    return Statistics(
        count or len(vectors),
        float(lengths.mean()),
        _quantiles(lengths),
        {rank: float(descending[rank - 1]) for rank in RANKS if rank <= len(descending)},
        {
            place: float(falling[some.indptr[:-1][lengths >= place] + place - 1].mean())
            for place in PLACES
            if (lengths >= place).any()
        },
        _lift(some, frequency),
    )


def _lift(vectors: SparseVectors, frequency: npt.NDArray[np.float64]) -> dict[str, float]:
    frequent = np.argsort(-frequency, kind="stable")[:PAIRED]
    frequent = frequent[frequency[frequent] > 0]
    column = np.full(vectors.dimension, -1)
    column[frequent] = np.arange(len(frequent))
    rows, columns = np.repeat(np.arange(len(vectors)), np.diff(vectors.indptr)), column[vectors.components]
    has = np.zeros((len(vectors), len(frequent)), np.float32)
    has[rows[columns >= 0], columns[columns >= 0]] = 1
    both, alone = has.T @ has / len(vectors), frequency[frequent]
    pairs = np.triu_indices(len(frequent), 1)
    return _quantiles((both / np.outer(alone, alone))[pairs]) if len(pairs[0]) else {}


def find_difficulty(index: Index, vectors: SparseVectors, queries: SparseVectors, seed: int = 0) -> Difficulty:
    """Measure searches of an index of `vectors` with `queries`."""
    blocks, documents = {}, {}
    rows = [queries.slice(row, row + 1) for row in range(len(queries))]
    for k in DEPTHS:
        stats = [index.answer(row, k, params=SearchParams(plan="exact")).stats for row in rows]
        blocks[k] = float(np.mean([one.blocks_visited for one in stats]))
        documents[k] = float(np.mean([one.documents_scored for one in stats]))
    exact = index.search_batch(queries, 10)[0]
    recall = {}
    for factor in FACTORS:
        found = index.search_batch(queries, 10, params=SearchParams(plan="exact", heap_factor=factor))[0]
        recall[factor] = float(shares_found(found, exact).mean())
    return Difficulty(blocks, documents, recall, _quantiles(neighbour_cosines(index, vectors, seed)))


def neighbour_cosines(index: Index, vectors: SparseVectors, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return the cosines, float64 [n], of some vectors to their nearest neighbour in the index. No vector is empty."""
    chosen = _draw(len(vectors), NEIGHBOURS, seed)
    numbers, scores = index.search_batch(reordered(vectors, chosen), min(8, len(vectors)))
    squares = np.concatenate([[0], np.cumsum(vectors.values.astype(np.float64) ** 2)])
    norms = np.sqrt(np.diff(squares[vectors.indptr]))
    other = (numbers >= 0) & (numbers != chosen[:, np.newaxis])
    cosines = scores / (norms[chosen][:, np.newaxis] * norms[numbers])
    best: npt.NDArray[np.float64] = np.where(other, cosines, 0).max(axis=1)
    return best


def _quantiles(values: npt.NDArray[Any]) -> dict[str, float]:
    return {f"{share:.0%}": float(np.quantile(values, share)) for share in QUANTILES}


def _draw(count: int, wanted: int, seed: int) -> npt.NDArray[np.uint32]:
    """Return random rows, ascending."""
    chosen = np.random.default_rng(seed).permutation(count)[:wanted]
    return np.sort(chosen).astype(np.uint32)
