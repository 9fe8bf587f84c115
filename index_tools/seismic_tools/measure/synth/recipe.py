"""The recipe of synthetic documents: real documents and how to mix them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic import BuildParams, InputError, ParameterError, SparseVectors
from seismic.builder.order import order_documents, reordered
from seismic.threads import in_order
from seismic.vectors import MIN_VALUE
from seismic_tools.measure.synth import kernels
from seismic_tools.measure.synth.kernels import Source
from seismic_tools.readers import Reading, Tokens, collect, read_collection
from seismic_tools.terminal.progress import Report

RANGE_ROWS = 1 << 14
"""Documents generated at a time by each thread."""

PILOT_ROWS, PILOTS, NEAR_ENOUGH = 1 << 12, 12, 0.005
"""The stretch for a mean length is found by generating PILOT_ROWS documents up to PILOTS times, until their mean is
within a share NEAR_ENOUGH of the target."""

MANTISSA = np.uint32(0xFFFFE000)
"""Values keep 10 bits of mantissa, like those of encoders in float16, so that files compress."""


class Recipe(NamedTuple):
    """How documents are generated. ``stretch``: components per component of the first parent; ``copies``: share of
    near-copies; ``rows`` uint32: the real documents in the order of the source."""

    source: Source
    dimension: int
    stretch: float
    copies: float
    seed: int
    rows: npt.NDArray[np.uint32]

    def make(self, first: int, last: int) -> SparseVectors:
        """Return documents first .. last - 1. Each depends only on the recipe and its number."""
        scratch = kernels.make_scratch(self.dimension)
        starts, components, values = kernels.make_documents(
            self.source, self.stretch, self.copies, self.seed, first, last, scratch
        )
        rounded = np.maximum((values.view(np.uint32) & MANTISSA).view(np.float32), MIN_VALUE)
        return SparseVectors.trusted(starts, components, rounded, self.dimension)

    def parents(self, first: int, last: int) -> npt.NDArray[np.uint32]:
        """Return the real documents that documents first .. last - 1 resemble most."""
        state = np.zeros(1, np.uint64)
        return self.rows[kernels.first_parents(len(self.rows), self.copies, self.seed, first, last, state)]

    def with_mean(self, mean: float) -> "Recipe":
        """Return the recipe for a mean of `mean` components; ParameterError if mixing cannot reach it."""
        recipe, found = self, 0.0
        for _ in range(PILOTS):
            found = recipe.make(0, PILOT_ROWS).nnz / PILOT_ROWS
            if abs(found - mean) <= NEAR_ENOUGH * mean:
                return recipe
            recipe = recipe._replace(stretch=min(recipe.stretch * mean / found, kernels.MOST_PARENTS))
        raise ParameterError(
            f"a mean of {mean:g} components: found {found:.0f} when mixing these documents; use that value"
        )

    def stream(self, first: int, last: int, threads: int) -> Iterator[SparseVectors]:
        """Yield documents first .. last - 1, RANGE_ROWS at a time."""
        spans = [(start, min(start + RANGE_ROWS, last)) for start in range(first, last, RANGE_ROWS)]
        return in_order(lambda span: self.make(*span), spans, threads)


def read_source(path: Path, scratch: Path, report: Report) -> SparseVectors:
    """Read the non-empty vectors of a collection; `path` is a file, or a folder with documents.parquet. InputError for
    vectors of tokens."""
    file = path / "documents.parquet" if path.is_dir() else path
    tokens = Tokens()
    batches = read_collection([file], Reading(tokens), partial(report, "read"))
    with collect(batches, beside=scratch / "documents") as collected:
        if tokens:
            raise InputError(f"{file}: found vectors of tokens, expected 'indices' and 'values'")
        vectors = collected.vectors
        filled = np.flatnonzero(np.diff(vectors.indptr)).astype(np.uint32)
        if len(filled) == 0:
            raise InputError(f"{file}: all vectors are empty; expected documents to mix")
        return reordered(vectors, filled)


def fit(vectors: SparseVectors, mean: float, copies: float, seed: int, threads: int, report: Report) -> Recipe:
    """Return the recipe for documents like `vectors`, none of them empty, with a mean of `mean` components.

    ParameterError if mixing cannot reach that mean.
    """
    numbers = order_documents(vectors, BuildParams(seed=seed), threads, lambda *_: None)
    ordered = reordered(vectors, numbers, threads)
    falling = np.empty_like(ordered.values)
    kernels.sort_falling(ordered.indptr, ordered.values, falling)
    source = Source(ordered.indptr, ordered.components, ordered.values, falling)
    report("fit", 1, 1)
    return Recipe(source, vectors.dimension, 1.0, copies, seed, numbers).with_mean(mean)
