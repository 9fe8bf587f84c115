"""What the demo shows of a search: its time, the blocks it visits, and its recall, beside scoring every document."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from ir_measures import Qrel, ScoredDoc, calc_aggregate, nDCG
from rich import box
from rich.table import Table
from scipy import sparse

import seismic
from seismic import Index, SearchParams, SparseVectors
from seismic.measure.recall import shares_found

K = 10
APPROXIMATE = SearchParams(plan="exact", heap_factor=1.02, bound_share=0.8)
"""Bounds of the heaviest components alone, and a threshold that is a little too high."""

REAL = {"grown": False}
"""Filter of the abstracts that are judged."""

Numbers = npt.NDArray[np.int64]
T = TypeVar("T")


class Row(NamedTuple):
    """A way to answer the queries: seconds of CPU per query, share of the blocks visited, and recall."""

    name: str
    seconds: float
    visited: float
    recall: float


def read_vectors(path: Path) -> SparseVectors:
    """Return the vectors of a Parquet file."""
    return SparseVectors.from_arrow(pq.read_table(path, columns=["indices", "values"]))


def compare(collection: Path, documents: SparseVectors, queries: SparseVectors) -> list[Row]:
    """Answer queries by scoring every document, exactly and approximately, each on one thread."""
    seconds, truth = _timed(lambda: score_all(documents, queries))
    rows = [Row("score every document (SciPy)", seconds / len(queries), 1, 1)]
    with seismic.open(collection) as index:
        for name, params in (("Seismic, exact", None), ("Seismic, approximate", APPROXIMATE)):
            rows.append(_row(index, name, params, queries, truth))
    return rows


def _row(index: Index, name: str, params: SearchParams | None, queries: SparseVectors, truth: Numbers) -> Row:
    index.search_batch(queries, K, params=params)  # loads kernels and pages
    seconds, (found, _) = _timed(lambda: index.search_batch(queries, K, params=params))
    one_by_one = (queries.slice(row, row + 1) for row in range(len(queries)))
    stats = [index.answer(query, K, params=params).stats for query in one_by_one]
    visited = [one.blocks_visited / one.blocks if one.blocks else 1 for one in stats]  # 0: every posting was added up
    return Row(name, seconds / len(queries), float(np.mean(visited)), float(shares_found(found, truth).mean()))


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of CPU that a call used, and its result."""
    began = time.thread_time()
    result = call()
    return time.thread_time() - began, result


def score_all(documents: SparseVectors, queries: SparseVectors) -> Numbers:
    """Return the numbers of each query's K best documents, best first, equal scores by number: int64 [queries, K]."""
    matrix = sparse.csr_array(documents.to_scipy())
    best = np.empty((len(queries), K), np.int64)
    for row in range(len(queries)):
        components, values = queries[row]
        query = np.zeros(matrix.shape[1], np.float32)
        known = components < len(query)  # others are in no document
        query[components[known]] = values[known]
        scores = matrix @ query
        candidates = np.argpartition(-scores, K)[:K]
        best[row] = candidates[np.lexsort((candidates, -scores[candidates]))]
    return best


def effectiveness(collection: Path, queries: SparseVectors, names: Sequence[str], qrels: Sequence[Qrel]) -> float:
    """Return the nDCG@10 of the judged queries, searched among the real abstracts."""
    hits = []
    with seismic.open(collection) as index:
        for row, name in enumerate(names):
            found = index.search(queries.slice(row, row + 1), K, filter=REAL)
            hits += [ScoredDoc(name, str(hit.id), K - rank) for rank, hit in enumerate(found)]
    return float(calc_aggregate([nDCG @ K], qrels, hits)[nDCG @ K])


def as_table(rows: Sequence[Row]) -> Table:
    """Return the comparison for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for heading in ("CPU per query", "blocks visited", f"recall@{K}"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.name, f"{row.seconds * 1e6:,.0f} µs", f"{row.visited:.1%}", f"{row.recall:.3f}")
    return table
