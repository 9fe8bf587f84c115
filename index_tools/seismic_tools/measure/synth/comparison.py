"""Comparison of a synthetic collection with its real source."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import seismic
from seismic import Index, SparseVectors
from seismic.builder.order import reordered
from seismic.query import known_components
from seismic_tools.measure.synth.measure import (
    NEAR_COPY,
    Difficulty,
    Statistics,
    describe,
    find_difficulty,
    neighbour_cosines,
)
from seismic_tools.measure.synth.recipe import Recipe
from seismic_tools.terminal.progress import Report

QUERIES = 300
"""Maximum number of queries."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the compared collections; ``difficulty`` is None if it was not searched."""

    name: str
    statistics: Statistics
    difficulty: Difficulty | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A synthetic collection, its recipe, and its comparison."""

    source: str
    queries: str
    searched: int
    documents: int
    seed: int
    stretch: float
    copies: float
    sides: list[Side]


class Reference:
    """The real collection as vectors and as an index in a temporary folder."""

    def __init__(self, vectors: SparseVectors, index: Index, scratch: Path, threads: int, report: Report) -> None:
        self.vectors, self.index, self.scratch, self.threads, self.report = vectors, index, scratch, threads, report

    def near_copies(self) -> float:
        """Return the share of documents to repeat: half the share of near-copies, because each repeat makes two."""
        return float((neighbour_cosines(self.index, self.vectors) >= NEAR_COPY).mean() / 2)

    def queries(self, given: SparseVectors | None, seed: int) -> SparseVectors:
        """Return up to QUERIES of the given queries, or else queries generated from documents."""
        if given is None:
            return self.index.pseudo_queries(QUERIES, seed)
        rows = np.sort(np.random.default_rng(seed).permutation(len(given))[:QUERIES])
        return known_components(reordered(given, rows.astype(np.uint32)), self.index.dimension)

    def beside(self, recipe: Recipe, queries: SparseVectors, written: Side) -> list[Side]:
        """Return the real collection, a synthetic one of the same size and length, and the one written."""
        count = len(self.vectors)
        alike = recipe.with_mean(self.vectors.nnz / count)
        vectors = SparseVectors.concatenate(alike.stream(0, count, self.threads))
        real = Side("real", describe(self.vectors), find_difficulty(self.index, self.vectors, queries))
        with _indexed(vectors, self.scratch / "synthetic", self.threads, self.report) as index:
            difficulty = find_difficulty(index, vectors, queries)
        return [real, Side("synthetic, of that size", describe(vectors), difficulty), written]


@contextmanager
def reference(vectors: SparseVectors, beside: Path, threads: int, report: Report) -> Iterator[Reference]:
    """Index the real collection in a temporary folder next to `beside`."""
    with (
        TemporaryDirectory(prefix=".synth-", dir=beside.parent) as name,
        _indexed(vectors, Path(name, "real"), threads, report) as index,
    ):
        yield Reference(vectors, index, Path(name), threads, report)


@contextmanager
def _indexed(vectors: SparseVectors, folder: Path, threads: int, report: Report) -> Iterator[Index]:
    seismic.build(vectors, folder, workers=threads, progress=partial(_prefixed, report, folder.name))
    with seismic.open(folder) as index:
        yield index


def _prefixed(report: Report, name: str, stage: str, done: int, total: int) -> None:
    report(f"{name}: {stage}", done, total)
