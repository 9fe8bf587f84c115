"""Measuring how much of the exact answers a lossy layout keeps."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seismic.builder.quantize import stored_vectors
from seismic.components import used_components
from seismic.errors import InputError
from seismic.kernels.exhaustive import Best, add_documents, sort_best
from seismic.layouts import Storage
from seismic.measure.pseudo_queries import queries_of
from seismic.measure.recall import estimate, shares_found
from seismic.query import QUERY_DIMENSION, known_components
from seismic.store.manifest import Kept
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors

SAMPLE, DEPTHS = 500, (10, 100, 1000)
"""Queries measured, and depths."""

ROWS = 1 << 14
"""Documents scored together."""


def measure_kept(
    vectors: SparseVectors,
    storage: Storage,
    queries: SparseVectors | None,
    threads: int,
    report: Callable[[int, int], None],
) -> list[Kept]:
    """Measure which share of the exact answers of `vectors` is found in what the layout stores of them, by depth.

    `queries`: SAMPLE of them are drawn; None: they are made from documents, which gives the same shares. Calls
    report(documents done, all documents). Raises InputError if no document matches a query.
    """
    if vectors.nnz == 0:
        return []
    drawn = queries_of(vectors, SAMPLE, 0) if queries is None else _draw(queries, vectors.dimension)
    if (used := used_components(vectors)) is not None:
        vectors, drawn = used.renumbered(vectors), used.renumbered(drawn, QUERY_DIMENSION)
    depth, parts = min(DEPTHS[-1], len(vectors)), even_ranges(len(drawn), min(threads, len(drawn)))
    pairs = [
        tuple(_best_of(drawn.slice(*part), vectors.dimension, depth) for _ in ("given", "stored")) for part in parts
    ]
    for first in range(0, len(vectors), ROWS):
        given = vectors.slice(first, min(first + ROWS, len(vectors)))
        _add_to_all(pairs, (given, stored_vectors(given, storage)), first, threads)
        report(first + len(given), len(vectors))
    exact, found = (np.concatenate([_numbers(pair[which]) for pair in pairs]) for which in (0, 1))
    if (exact < 0).all():
        raise InputError(f"queries: found none of {len(drawn)} that any document matches, expected at least one")
    return [_kept(k, found[:, :k], exact[:, :k]) for k in DEPTHS if k <= max(depth, DEPTHS[0])]


def _draw(queries: SparseVectors, dimension: int) -> SparseVectors:
    known = known_components(queries, dimension)
    rows = np.random.default_rng(0).permutation(len(known))[:SAMPLE]
    return SparseVectors.concatenate([known.slice(row, row + 1) for row in rows.tolist()])


def _best_of(queries: SparseVectors, dimension: int, depth: int) -> Best:
    order = np.argsort(queries.components, kind="stable")
    rows = np.repeat(np.arange(len(queries)), np.diff(queries.indptr))
    shape = (len(queries), depth)
    return Best(
        np.searchsorted(queries.components[order], np.arange(dimension + 1)),
        rows[order],
        queries.values[order],
        np.zeros(len(queries), np.float64),
        np.zeros(len(queries), np.int64),
        np.zeros(shape, np.float32),
        np.full(shape, -1, np.int64),
    )


def _add_to_all(pairs: list[tuple[Best, ...]], both: tuple[SparseVectors, ...], first: int, threads: int) -> None:
    def task(pair: tuple[Best, ...]) -> None:
        for best, vectors in zip(pair, both, strict=True):
            add_documents(best, vectors.indptr, vectors.components, vectors.values, first)

    for _ in in_order(task, pairs, threads):
        pass


def _numbers(best: Best) -> npt.NDArray[np.int64]:
    sort_best(best)
    return best.numbers


def _kept(k: int, found: npt.NDArray[np.int64], exact: npt.NDArray[np.int64]) -> Kept:
    shares = shares_found(found, exact)
    recall = estimate(shares)
    return Kept(k=k, recall=recall.mean, lower=recall.lower, upper=recall.upper, queries=len(shares))
