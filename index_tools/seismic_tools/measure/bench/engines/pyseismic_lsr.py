"""The Rust Seismic, `pyseismic-lsr`.

Measured with its raw index, because the other one takes tokens as text, which is slower. Its k-NN graph is not tried.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Engine, Knobs, Setting, Shape, Vectors


class PyseismicLsr(Engine):
    """`SeismicIndexRaw`, or `SeismicIndexRawLV` for components beyond 16 bits."""

    name = "pyseismic-lsr"
    requirement = "pyseismic-lsr==0.5.4"
    calls: ClassVar = {"one": "SeismicIndexRaw.search"}

    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        usual = max(
            50, round(400 * (shape.documents / 319_000) ** 0.7)
        )  # grows from 400 at 319,000 documents to 4,000 at 8.8 million
        rest = {"max_fraction": 4.0, "centroid_fraction": 0.3, "summary_energy": 0.6}
        return [{"n_postings": count, **rest} for count in ([usual] if quick else [usual // 2, usual, 2 * usual])]

    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        cuts = (5, 10, 20) if quick else (3, 5, 7, 10, 15, 25)
        factors = (0.6, 0.8, 1.0) if quick else (0.6, 0.7, 0.8, 0.9, 1.0)
        return [Setting({"query_cut": cut, "heap_factor": factor}) for cut in cuts for factor in factors]

    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        with TemporaryDirectory() as inner:  # the number of threads comes from RAYON_NUM_THREADS
            documents = Path(inner, "documents.bin")
            _write(documents, vectors)
            index = _raw(shape).build(str(documents), **knobs)
        index.save(str(folder / "index"))

    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        self.index = _raw(shape).load(str(folder / "index"))

    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        return components.astype(np.int32), np.array(values)

    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        search, cut, factor = self.index.search, knobs["query_cut"], knobs["heap_factor"]
        return lambda query: search(*query, k, cut, factor, 0, True)

    def numbers(self, answer: Any) -> list[int]:
        return [number for _, number in answer]


def _raw(shape: Shape) -> Any:
    rust = import_module("seismic")  # by name, because type checkers resolve it to this project
    return rust.SeismicIndexRaw if shape.dimension <= 1 << 16 else rust.SeismicIndexRawLV


def _write(path: Path, vectors: Vectors) -> None:
    """Write the format of the engine, in 32-bit numbers: count; per vector its length, components and values."""
    with path.open("wb") as file:
        np.uint32(len(vectors.indptr) - 1).tofile(file)
        for components, values in vectors.rows():
            np.uint32(len(values)).tofile(file)
            components.tofile(file)
            values.tofile(file)


ENGINE = PyseismicLsr
