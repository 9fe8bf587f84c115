"""Sparse HNSW, in `kannolo`."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Engine, Knobs, Setting, Shape, Vectors

RERANK = "SparseRerankHNSW"

WIDEST = 20_000
"""Maximum candidates of a search; more make it slower than any other engine."""

FORMAT = ("first_stage_value_type", "graph_type")
"""Knobs of a build that `load` also needs, because files do not record them."""


class Kannolo(Engine):
    """`SparseRerankHNSW`, a graph over pruned vectors with rescoring of candidates, and `SparseFixedU8HNSW`."""

    name = "kannolo"
    requirement = "kannolo==0.15.1"
    calls: ClassVar = {"batch": "batch_search", "one": "search"}

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        rerank: Knobs = {
            "class": RERANK,
            "prune_percentage": 70.0,
            "m": 32,
            "ef_construction": 100,
            "first_stage_value_type": "fixedu8",
            "graph_type": "compressed",
        }
        plain: Knobs = {"class": "SparseFixedU8HNSW", "m": 16, "ef_construction": 100, "graph_type": "compressed"}
        return [rerank] if quick else [rerank, plain]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        widths = [width for width in ((5, 20, 80) if quick else (2, 5, 10, 20, 40, 80, 160)) if width * k <= WIDEST]
        if build["class"] != RERANK:
            return [Setting({"ef_search": width * k}) for width in widths]
        return [
            Setting({"ef_search": width * k, "k_candidates": few * k})
            for width in widths
            for few in (2, 10)
            if few <= width
        ]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        rest = {name: value for name, value in knobs.items() if name != "class"}
        csr = vectors.components.astype(np.int32), np.array(vectors.values), np.array(vectors.indptr)
        index = _class(knobs).build_from_arrays(*csr, **rest)  # on RAYON_NUM_THREADS threads
        index.save(str(folder / "index"))

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        layout = {name: knobs[name] for name in FORMAT if name in knobs}
        self.index = _class(knobs).load(str(folder / "index"), **layout)

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        return components.astype(np.int32), np.array(values)

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        search = self.index.search
        return lambda query: search(*query, k=k, **knobs)

    def numbers(self, answer: Any) -> list[int]:
        return [number for number in answer[1].tolist() if number >= 0]

    def batch_searcher(self, queries: Vectors, k: int, knobs: Knobs) -> Callable[[], npt.NDArray[np.int64]]:
        search = self.index.batch_search
        csr = queries.components.astype(np.int32), np.array(queries.values), np.array(queries.indptr)
        shape = (len(csr[2]) - 1, k)
        return lambda: search(*csr, k=k, **knobs, num_threads=1)[1].reshape(shape)


def _class(knobs: Knobs) -> Any:
    return getattr(import_module("kannolo"), knobs["class"])


ENGINE = Kannolo
