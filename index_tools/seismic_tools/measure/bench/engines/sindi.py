"""SINDI, in `pyvsag`: term-at-a-time accumulation in windows of documents, with rescoring of the best.

The package ignores unknown parameters; version 0.18.5 knows those below (but not `rerank_type` and
`term_retain_threshold` of later versions). It returns (numbers, distances), unlike its docstring.
"""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Engine, Knobs, Setting, Shape, Vectors


class Sindi(Engine):
    """`Index("sindi")`."""

    name = "sindi"
    requirement = "pyvsag==0.18.5"
    calls: ClassVar = {"one": "Index.knn_search"}

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        flat: Knobs = {"doc_prune_ratio": 0.0, "use_quantization": False, "use_reorder": False}
        pruned = [
            {"doc_prune_ratio": ratio, "use_quantization": True, "use_reorder": True}
            for ratio in ([0.4] if quick else [0.0, 0.4, 0.6])
        ]
        return pruned if quick else [flat, *pruned]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        flat = not build["use_reorder"]
        candidates = [k] if flat else [factor * k for factor in ((2, 10, 40) if quick else (2, 5, 10, 40))]
        prunings = (0.0, 0.4) if quick else (0.0, 0.2, 0.4, 0.5, 0.6, 0.7)
        return [
            Setting({"n_candidate": count, "query_prune_ratio": ratio}, exact=flat and ratio == 0.0)
            for count in candidates
            for ratio in prunings
        ]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        index = _index(shape, knobs)
        numbers = np.arange(len(vectors.indptr) - 1, dtype=np.int64)
        index.build(vectors.indptr.astype(np.uint32), np.array(vectors.components), np.array(vectors.values), numbers)
        index.save(str(folder / "index"))

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        self.index = _index(shape, knobs)
        self.index.load(str(folder / "index"))

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        return np.array([0, len(values)], np.uint32), np.array(components), np.array(values)

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        search, parameters = self.index.knn_search, json.dumps({"sindi": knobs})
        return lambda query: search(*query, k, parameters)

    def numbers(self, answer: Any) -> list[int]:
        return [number for number in answer[0].ravel().tolist() if number >= 0]


def _index(shape: Shape, knobs: Knobs) -> Any:
    parameters = {
        "dtype": "sparse",
        "metric_type": "ip",
        "dim": shape.longest,
        "index_param": {"term_id_limit": shape.dimension, **knobs},
    }
    return import_module("pyvsag").Index("sindi", json.dumps(parameters))


ENGINE = Sindi
