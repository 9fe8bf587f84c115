"""Measure vectors unlike BERT's: their size, build time, and search time by each method.

python docs/benchmarks/shapes.py [DOCUMENTS [LAYOUT ...]]: synthetic documents of topics, since only related documents
share blocks. Times are medians over the queries of each query's fastest round.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast
from unittest.mock import patch

import numpy as np
import scipy.sparse

import seismic
from seismic import BuildParams, Index, SparseVectors
from seismic.layouts import Layout

QUERIES, K, ROUNDS, TOPICS = 100, 10, 3, 400


class Shape(NamedTuple):
    """Dimensions, components of a document and of a query, and the exponent of the components' frequencies."""

    name: str
    dimension: int
    document: int
    query: int
    skew: float


SHAPES = (
    Shape("SPLADE, BERT", 30_522, 120, 24, 0.8),
    Shape("SPLADE, XLM-R", 250_002, 120, 24, 0.8),
    Shape("LI-LSR", 30_522, 400, 6, 0.8),
    Shape("CSR", 4_096, 32, 32, 0.3),
)


def draw(shape: Shape, rng: np.random.Generator, rows: int, count: int, topics: np.ndarray) -> SparseVectors:
    """Return vectors of which half of the components come from a document's topic, the others from all."""
    frequency = 1.0 / np.arange(1, shape.dimension + 1) ** shape.skew
    cumulated = np.cumsum(frequency / frequency.sum())
    common = np.searchsorted(cumulated, rng.random((rows, 2 * count))).clip(max=shape.dimension - 1)
    own = topics[rng.integers(len(topics), size=rows)]
    mine = np.take_along_axis(own, rng.integers(own.shape[1], size=(rows, 2 * count)), axis=1)
    drawn = np.where(rng.random((rows, 2 * count)) < 0.5, mine, common)
    indices, indptr = [], [0]
    for row in drawn:
        _, first = np.unique(row, return_index=True)
        indices.append(np.sort(row[np.sort(first)[:count]]))
        indptr.append(indptr[-1] + len(indices[-1]))
    values = rng.gamma(2.0, 0.5, indptr[-1]).astype(np.float32) + 0.01
    matrix = scipy.sparse.csr_array((values, np.concatenate(indices), indptr), (rows, shape.dimension))
    return SparseVectors.from_scipy(matrix)


@contextmanager
def forced(method: str) -> Iterator[None]:
    """Let shards accumulate postings, or never."""
    with patch("seismic.planner.DOCUMENTS_PER_HIT", 1 << 40 if method == "impacts" else 0):
        yield


def timed(index: Index, queries: SparseVectors, k: int = K) -> float:
    """Return the median of microseconds of a search."""
    asked = [{"indices": one[0], "values": one[1]} for one in (queries[row] for row in range(len(queries)))]
    best = np.full(len(asked), np.inf)
    for _ in range(ROUNDS):
        for row, query in enumerate(asked):
            began = time.perf_counter()
            index.search(query, k=k)
            best[row] = min(best[row], time.perf_counter() - began)
    return float(np.median(best) * 1e6)


def measure(shape: Shape, documents: int, folder: Path, layouts: list[Layout]) -> None:
    """Print a row per layout."""
    rng = np.random.default_rng(0)
    topics = rng.integers(shape.dimension, size=(TOPICS, 2 * shape.document))
    vectors = draw(shape, rng, documents, shape.document, topics)
    queries = draw(shape, rng, QUERIES, shape.query, topics)
    for layout in layouts:
        seismic.build(vectors.slice(0, 200), folder / "compiles", params=BuildParams(layout=layout), replace=True)
        out = folder / f"{shape.name}-{layout}"
        began = time.process_time()
        seismic.build(vectors, out, params=BuildParams(layout=layout), workers=1)
        built = time.process_time() - began
        size = sum(file.stat().st_size for file in out.rglob("*.arrow"))
        times = []
        for k in (10, 100):
            for method in ("bounds", "impacts"):
                with forced(method), seismic.open(out) as index:  # an open index remembers its method
                    timed(index, queries.slice(0, 3), k)
                    times.append(timed(index, queries, k))
        print(
            f"| {shape.name} | {layout} | {vectors.nnz / documents:.0f} / {queries.nnz / QUERIES:.0f} | "
            f"{size / documents:.0f} | {size / vectors.nnz:.2f} | {built / documents * 1e6:.0f} | "
            + " | ".join(f"{one:.0f}" for one in times)
            + " |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    layouts = cast(list[Layout], sys.argv[2:] or ["shared", "small"])
    print(
        "| shape | layout | components, document / query | bytes per document | per value | build, us per document | "
        "k = 10, us by bounds | by impacts | k = 100, us by bounds | by impacts |\n" + "| --- " * 10 + "|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            measure(shape, documents, Path(folder), layouts)


if __name__ == "__main__":
    main()
