"""Qdrant's inverted index of sparse vectors, in process: `qdrant-edge-py`."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Engine, Knobs, Setting, Shape, Vectors

FIELD = "sparse"
BATCH = 10_000
"""Points per update."""

LARGEST_SEGMENT = 2**31 - 1
"""Kilobytes, more than any collection has."""


class QdrantEdge(Engine):
    """`EdgeShard` with one sparse vector per point, in one segment and memory. It has no setting that trades recall."""

    name = "qdrant-edge"
    requirement = "qdrant-edge-py==0.9.0"
    calls: ClassVar = {"batch": "query_batch", "one": "query"}

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        whole, *others = ({"datatype": datatype} for datatype in ("Float32", "Float16", "Uint8"))
        return [whole] if quick else [whole, *others]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        return [Setting({}, exact=build["datatype"] == "Float32")]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        edge = import_module("qdrant_edge")
        (folder / "index").mkdir()
        shard = edge.EdgeShard.create(str(folder / "index"), _config(edge, knobs))
        rows = vectors.rows()
        for first in range(0, len(rows), BATCH):
            points = [
                edge.Point(number, {FIELD: edge.SparseVector(components.tolist(), values.tolist())})
                for number, (components, values) in enumerate(rows[first : first + BATCH], first)
            ]
            shard.update(edge.UpdateOperation.upsert_points(points))
        while shard.optimize():
            pass
        shard.flush()
        shard.close()

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        self.edge = import_module("qdrant_edge")
        self.shard = self.edge.EdgeShard.load(str(folder / "index"), _config(self.edge, knobs))

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        vector = self.edge.SparseVector(components.tolist(), values.tolist())
        return self.edge.Query.Nearest(vector, using=FIELD)

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        query, request = self.shard.query, self.edge.QueryRequest
        return lambda vector: query(request(limit=k, query=vector))

    def numbers(self, answer: Any) -> list[int]:
        return [point.id for point in answer]

    def batch_searcher(self, queries: Vectors, k: int, knobs: Knobs) -> Callable[[], npt.NDArray[np.int64]]:
        requests = [self.edge.QueryRequest(limit=k, query=self.query(*row)) for row in queries.rows()]
        search, batch = self.shard.query_batch, self.edge.QueryBatchRequest(requests)

        def run() -> npt.NDArray[np.int64]:
            found = [self.numbers(answer) for answer in search(batch)]
            return np.array([[*row, *[-1] * (k - len(row))] for row in found], np.int64)

        return run


def _config(edge: Any, knobs: Knobs) -> Any:
    """Return the configuration: one indexed segment, searched by one thread."""
    optimizers = edge.EdgeOptimizersConfig(
        default_segment_number=1, indexing_threshold=1, max_segment_size=LARGEST_SEGMENT
    )
    parameters = edge.EdgeSparseVectorParams(
        full_scan_threshold=1,
        datatype=getattr(edge.VectorStorageDatatype, knobs["datatype"]),
        memory=edge.Memory.Pinned,
    )
    return edge.EdgeConfig(
        sparse_vectors={FIELD: parameters}, optimizers=optimizers, max_search_threads=1, wal_enabled=False
    )


ENGINE = QdrantEdge
