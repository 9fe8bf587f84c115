"""The engine of this project."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import seismic
from seismic import BuildParams, SearchParams, SparseVectors
from seismic.builder.prune import postings_per_list
from seismic.layouts import LAYOUTS

from .base import Engine, Knobs, Setting, Shape, Vectors


class Ours(Engine):
    """The layouts `shared`, `small` and `full` with the plan `exact`, and `lists` with the plan `lists`."""

    name = "ours"
    requirement = None
    calls: ClassVar = {"batch": "search_batch", "one": "Index.search"}

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        shared, *others = ({"layout": layout} for layout in LAYOUTS)
        lists = others[-1]
        shorter = postings_per_list(BuildParams(), shape.documents) * 3 // 4
        return [shared] if quick else [shared, *others, {**lists, "postings_per_list": shorter}]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        if "lists" not in LAYOUTS[build["layout"]].plans:
            looser = (1.04, 1.08, 1.2) if quick else (1.02, 1.04, 1.06, 1.08, 1.1, 1.13, 1.17, 1.22, 1.3)
            approximate = [Setting({"plan": "exact", "heap_factor": factor}) for factor in looser]
            for share in (0.95, 0.85) if quick else (0.95, 0.9, 0.85, 0.8):
                bounded = {"plan": "exact", "bound_share": share}
                approximate += [Setting({**bounded, "heap_factor": factor}) for factor in (1.0, 1.02, 1.05)]
            return [Setting({"plan": "exact"}, exact=True), *approximate]
        cuts, factors = (3, 4, 6, 8, 11, 15), (0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)
        return [
            Setting({"plan": "lists", "query_cut": cut, "heap_factor": factor}) for cut in cuts for factor in factors
        ]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        seismic.build(_sparse(vectors, shape.dimension), folder / "index", params=BuildParams(**knobs), workers=threads)

    def prepare(self, shape: Shape) -> None:
        with TemporaryDirectory() as folder:  # compiles the kernels of a build
            few = SparseVectors.from_dicts([{row % 3: 1.0, 3 + row % 5: 0.5} for row in range(200)], shape.dimension)
            for layout in LAYOUTS:
                seismic.build(few, Path(folder, layout), params=BuildParams(layout=layout))

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        self.index = seismic.open(folder / "index")
        self.index.warm_up()

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> SparseVectors:
        return SparseVectors.trusted(np.array([0, len(values)]), components, values, self.index.dimension)

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        search, params = self.index.search, SearchParams(**knobs)
        return lambda query: search(query, k, params=params)

    def numbers(self, answer: Any) -> list[int]:
        return [hit.number for hit in answer]

    def batch_searcher(self, queries: Vectors, k: int, knobs: Knobs) -> Callable[[], npt.NDArray[np.int64]]:
        search, params, vectors = self.index.search_batch, SearchParams(**knobs), _sparse(queries, self.index.dimension)
        return lambda: search(vectors, k, params=params)[0]


def _sparse(vectors: Vectors, dimension: int) -> SparseVectors:
    return SparseVectors.trusted(vectors.indptr, vectors.components, vectors.values, dimension)


ENGINE = Ours
