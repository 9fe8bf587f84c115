"""BM25: its parameters, term frequencies and weights.

A document's vector holds tf / (tf + k1 (1 - b + b length / average_length)), a query's the sum of the terms' inverse
document frequencies, so that their inner product is Lucene's BM25 score: Robertson and Zaragoza, "The Probabilistic
Relevance Framework: BM25 and Beyond", 2009, without the constant factor k1 + 1, as in Lucene since version 8.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from seismic.encoders.words import Terms
from seismic.params import Params
from seismic.vectors import SparseVectors

NAME = "bm25"

DEFAULT_AVERAGE = 256.0
"""Average length for a collection that starts empty, as FastEmbed's BM25 has it."""


class Bm25(Params):
    """Parameters of BM25."""

    k1: Annotated[float, Field(ge=0.0, le=1000.0)] = 1.2
    """Saturation of the term frequency: 0 ignores how often a term occurs."""

    b: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    """Share of the normalisation by document length: 0 ignores the length."""

    stemmer: str | None = None
    """Snowball algorithm that reduces words to their stems, such as `english`. None: words stay as they are."""

    stop_words: Literal["english"] | None = None
    """`english` leaves out 33 frequent words, those of Lucene. None: no stop words."""

    average_length: Annotated[float, Field(ge=0.01, le=1e9)] | None = None
    """Average number of terms of a document, stop words excluded. None: that of the documents of the build, or 256
    if there are none."""

    def terms(self, number: Callable[[str], int]) -> Terms:
        """Return what splits texts into terms, which `number` numbers. Raises ParameterError for an unknown stemmer."""
        return Terms(number, self.stemmer, self.stop_words)


def average_length(counts: SparseVectors) -> float:
    """Return the mean number of terms of the documents with these term frequencies; DEFAULT_AVERAGE without any."""
    total = float(counts.values.sum(dtype=np.float64))
    return total / len(counts) if total else DEFAULT_AVERAGE


def saturated(counts: SparseVectors, params: Bm25) -> SparseVectors:
    """Return the vectors of documents with these term frequencies."""
    frequencies = counts.values.astype(np.float64)
    rows = np.repeat(np.arange(len(counts)), np.diff(counts.indptr))
    lengths = np.bincount(rows, frequencies, len(counts))
    norms = params.k1 * (1 - params.b + params.b * lengths / (params.average_length or DEFAULT_AVERAGE))
    values = (frequencies / (frequencies + norms[rows])).astype(np.float32)
    return SparseVectors.trusted(counts.indptr, counts.components, values, counts.dimension)
