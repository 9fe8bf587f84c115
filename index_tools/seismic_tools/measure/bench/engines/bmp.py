"""Block-max pruning, in `bmp`.

It stores integers up to 255, so its exact answers are those of values rounded to 8 bits. It keeps the order of the
documents. Its authors compute an order by recursive graph bisection, which the package lacks, so it gets the cluster
order of this project.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Engine, Knobs, Setting, Shape, Vectors

LARGEST = 255


class Bmp(Engine):
    """`Indexer` and `Searcher`."""

    name = "bmp"
    requirement = "bmp==0.2.8"
    calls: ClassVar = {"one": "Searcher.search"}
    ordered = True

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        return [{"bsize": size, "compress_range": False} for size in ([8] if quick else [8, 16, 32])]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        alphas, betas = ((1.0, 0.8), (1.0, 0.6)) if quick else ((1.0, 0.9, 0.8, 0.7), (1.0, 0.7, 0.4))
        return [
            Setting({"alpha": alpha, "beta": beta}, exact=alpha == beta == 1.0) for alpha in alphas for beta in betas
        ]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        indexer = import_module("bmp").Indexer(str(folder / "index"), **knobs)
        scale = LARGEST / vectors.values.max()
        names = np.array([str(component) for component in range(shape.dimension)], object)
        for number, (components, values) in enumerate(vectors.rows()):
            codes = np.maximum(np.rint(values * scale), 1).astype(int)
            indexer.add_document(str(number), dict(zip(names[components].tolist(), codes.tolist(), strict=True)))
        indexer.finish()

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        self.index = import_module("bmp").Searcher(str(folder / "index"))

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        return dict(zip(map(str, components.tolist()), values.tolist(), strict=True))

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        search, alpha, beta = self.index.search, knobs["alpha"], knobs["beta"]
        return lambda query: search(query, k, alpha, beta)

    def numbers(self, answer: Any) -> list[int]:
        return [int(name) for name in answer[0]]


ENGINE = Bmp
