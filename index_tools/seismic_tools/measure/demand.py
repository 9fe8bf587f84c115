"""Time searches of a collection, for planning a cluster."""

import time
from pathlib import Path

import numpy as np

import seismic
from seismic.vectors import SparseVectors

GENERATED, SEED = 300, 0
"""Queries generated from documents if there are no real ones, and their seed."""


def search_times(collection: Path, queries: SparseVectors | None, k: int) -> list[float]:
    """Return the seconds of CPU that each query takes on one thread, after a first pass that warms up."""
    with seismic.open(collection) as index:
        vectors = index.pseudo_queries(GENERATED, SEED) if queries is None else queries
        index.search_batch(vectors, k)
        times = np.empty(len(vectors))
        for row in range(len(vectors)):
            query = vectors.slice(row, row + 1)
            began = time.thread_time_ns()
            index.search_batch(query, k)
            times[row] = (time.thread_time_ns() - began) / 1e9
    return [float(seconds) for seconds in times]
