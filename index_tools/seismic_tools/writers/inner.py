"""The inner format of the Rust reference of Seismic, `.bin`; see `seismic_tools.readers.inner`."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from seismic import InputError, SparseVectors
from seismic_tools.writers.base import Writing
from seismic_tools.writers.parts import Parts

MOST = (1 << 32) - 1


def write_inner(path: Path, parts: Parts, writing: Writing) -> list[str]:
    """Write the vectors one after another."""
    if parts.rows > MOST:
        raise InputError(f"found {parts.rows:,} documents, expected at most {MOST:,} for this format")
    with path.open("wb") as file:
        np.array([parts.rows], "<u4").tofile(file)
        for vectors, _ in writing.chunks(parts):
            _words(vectors).tofile(file)
    return []


def _words(vectors: SparseVectors) -> npt.NDArray[np.uint32]:
    lengths = np.diff(vectors.indptr)
    starts = 2 * vectors.indptr[:-1] + np.arange(len(vectors))
    words = np.zeros(len(vectors) + 2 * vectors.nnz, "<u4")
    words[starts] = lengths
    at = np.repeat(starts + 1 - vectors.indptr[:-1], lengths) + np.arange(vectors.nnz)
    words[at] = vectors.components
    words[at + np.repeat(lengths, lengths)] = vectors.values.view(np.uint32)
    return words
