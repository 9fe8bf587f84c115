"""Static pruning: leave out the documents of the lowest quality.

Quality is a column of the input with any query-independent score, or else the L2 norm of the vector. An inner product
is at most the product of both norms, so documents with a small norm are rarely found.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic import InputError, ParameterError, SparseVectors
from seismic.builder.order import reordered
from seismic_tools.readers.batch import Batch, Rows
from seismic_tools.readers.spool import Collection

ROWS = 1 << 16
"""Documents processed at a time."""


class Selection(NamedTuple):
    """``kept`` bool [n]: documents to keep; ``least``: the lowest quality among them."""

    kept: npt.NDArray[np.bool_]
    least: float


def select(collection: Collection, share: float, column: str | None = None) -> Selection:
    """Select the `share` of the documents with the highest quality: `column`, or the norms of their vectors.

    Ties go to the first documents. ParameterError for a share outside (0, 1]; InputError for a column that is missing,
    not numeric, or has nulls or NaN.
    """
    if not 0 < share <= 1:
        raise ParameterError(f"--keep {share}: expected a share of the documents, above 0 and at most 1")
    quality = _lengths(collection.vectors) if column is None else _column(collection.documents, column)
    best = np.argsort(-quality, kind="stable")[: max(1, round(share * len(quality)))]
    kept = np.zeros(len(quality), bool)
    kept[best] = True
    return Selection(kept, float(quality[best].min(initial=np.inf)))


def batches(collection: Collection, kept: npt.NDArray[np.bool_]) -> Iterator[Batch]:
    """Yield the documents to keep."""
    for first in range(0, len(kept), ROWS):
        rows = np.flatnonzero(kept[first : first + ROWS])
        vectors = reordered(collection.vectors, (first + rows).astype(np.uint32))
        documents = collection.documents.slice(first, ROWS).take(pa.array(rows))
        places = Rows(Path("input"), "document", (first + rows).tolist())
        yield Batch(places, vectors, documents, False, (first + ROWS) / len(kept))


def _lengths(vectors: SparseVectors) -> npt.NDArray[np.float64]:
    """Return the norms, float64 [n]."""
    squares = np.zeros(len(vectors))
    for first in range(0, len(vectors), ROWS):
        part = vectors.slice(first, min(first + ROWS, len(vectors)))
        rows = np.repeat(np.arange(len(part)), np.diff(part.indptr))
        squares[first : first + len(part)] = np.bincount(
            rows, np.square(part.values, dtype=np.float64), minlength=len(part)
        )
    lengths: npt.NDArray[np.float64] = np.sqrt(squares)
    return lengths


def _column(documents: pa.Table, name: str) -> npt.NDArray[np.float64]:
    if name not in documents.column_names:
        known = ", ".join(documents.column_names)
        raise InputError(f"--quality-column {name}: no such column; found {known}")
    column = documents[name]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise InputError(f"--quality-column {name}: found {column.type}, expected numbers")
    missing = pc.or_kleene(pc.is_null(column), pc.is_nan(column.cast(pa.float64()))).fill_null(True)
    if pc.any(missing).as_py():
        row = pc.index(missing, True).as_py()
        raise InputError(f"--quality-column {name}: document {row} has no number; expected one for every document")
    values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return values
