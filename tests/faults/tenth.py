"""Upsert and delete a tenth of a collection each: rates, and recall over the remaining documents. Run by hand.

`python -m tests.faults.tenth FOLDER` reads documents.parquet and queries.parquet of a folder and prints JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import seismic
from seismic import Index, SparseVectors
from seismic.changes.updates import Writer

BATCH = 500
"""Documents per change: the limit of a request."""


def main(folder: Path) -> dict[str, Any]:
    """Replace a tenth by held-back documents and delete another tenth."""
    table, queries = (pq.read_table(folder / f"{name}.parquet") for name in ("documents", "queries"))
    vectors = SparseVectors.from_arrow(table, 1 << 15)
    asked = SparseVectors.from_arrow(queries).slice(0, 500)
    tenth = len(table) // 11
    base = len(table) - tenth
    ids = table["id"].combine_chunks()
    old = np.random.default_rng(7).permutation(base)
    replaced, gone = np.sort(old[:tenth]), np.sort(old[tenth : 2 * tenth])
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "index"
        seismic.build(vectors.slice(0, base), path, documents=pa.table({"id": ids.slice(0, base)}), workers=2)
        index, writer = seismic.open(path), Writer(path)
        index.warm_up(changes=True)

        def upsert(first: int) -> None:
            last = min(first + BATCH, tenth)
            documents = pa.table({"id": ids.take(pa.array(replaced[first:last]))})
            writer.upsert(vectors.slice(base + first, base + last), documents)

        def delete(first: int) -> None:
            writer.delete(ids.take(pa.array(gone[first : first + BATCH])))

        live = [*np.setdiff1d(np.arange(base), old[: 2 * tenth]).tolist(), *range(base, len(table))]
        owner = {ids[base + at].as_py(): ids[int(number)].as_py() for at, number in enumerate(replaced)}
        expected = truth(vectors, asked, np.array(live))
        report: dict[str, Any] = {"documents": base, "changed": tenth, "microseconds_before": latency(index, asked)}
        report["upserts_per_second"] = rate(upsert, index, tenth)
        report["deletes_per_second"] = rate(delete, index, tenth)
        names = [ids[number].as_py() for number in live]
        names = [owner.get(one, one) for one in names]
        report["delta_shards"] = [len(delta) for delta in index.view.deltas]
        report["recall_before_compaction"] = recall(index, asked, expected, names)
        report["microseconds_changed"] = latency(index, asked)
        began = time.perf_counter()
        report["open_seconds"] = round(seconds(lambda: seismic.open(path)), 3)
        seismic.compact(path, workers=2)
        report["compaction_seconds"] = round(time.perf_counter() - began, 1)
        index.refresh()
        report["recall_after_compaction"] = recall(index, asked, expected, names)
        report["microseconds_compacted"] = latency(index, asked)
        return report


def truth(vectors: SparseVectors, asked: SparseVectors, live: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return [queries, 10]: the live documents of the best exact scores, in full precision."""
    matrix, wanted = vectors.to_scipy()[live], asked.widened(vectors.dimension).to_scipy()
    best = []
    for first in range(0, wanted.shape[0], 50):
        scores = (wanted[first : first + 50] @ matrix.T).toarray()
        best.append(np.argsort(-scores, axis=1, kind="stable")[:, :10])
    return np.concatenate(best)


def recall(index: Index, asked: SparseVectors, expected: np.ndarray[Any, Any], names: list[str]) -> float:
    """Return recall@10, compared by ids."""
    numbers, _ = index.search_batch(asked, 10)
    found = [set(index.document_ids(row)) for row in numbers.tolist()]
    right = [{names[row] for row in rows} for rows in expected.tolist()]
    return round(sum(len(one & other) for one, other in zip(found, right, strict=True)) / (10 * len(right)), 4)


def rate(change: Callable[[int], None], index: Index, count: int) -> int:
    """Return the documents per second that become durable and searchable."""

    def work() -> None:
        for first in range(0, count, BATCH):
            change(first)
            index.refresh()

    return round(count / seconds(work))


def latency(index: Index, asked: SparseVectors) -> int:
    """Return the CPU microseconds per query, in the best of five passes."""
    passes = []
    for _ in range(5):
        began = time.thread_time()
        index.search_batch(asked, 10)
        passes.append(time.thread_time() - began)
    return round(min(passes) / len(asked) * 1e6)


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=1))
