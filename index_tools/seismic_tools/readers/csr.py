"""Matrices in CSR form: `.csr` files of the BigANN benchmarks, and code shared with other matrix formats."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic import SparseVectors, VectorError
from seismic_tools.readers.batch import (
    BATCH_NNZ,
    BATCH_ROWS,
    NO_DOCUMENTS,
    Batch,
    BrokenFileError,
    Reading,
    Rows,
    readable,
)

CHUNK = 1 << 22
"""Bytes read at a time, so that a damaged header cannot cause a large allocation."""

MOST = 1 << 48
"""Maximum number of rows or values: byte offsets stay well within 63 bits."""

HEADER = np.dtype([("rows", "<i8"), ("columns", "<i8"), ("nnz", "<i8")])


class Column(NamedTuple):
    """An array read from front to back: `length` numbers of type `kind`."""

    stream: BinaryIO
    kind: np.dtype[Any]
    length: int

    def take(self, count: int) -> npt.NDArray[Any]:
        """Read the next `count` numbers; BrokenFileError if there are fewer."""
        return np.frombuffer(exactly(self.stream, count * self.kind.itemsize), self.kind)


class Matrix(NamedTuple):
    """A CSR matrix: offsets of its rows, and two columns at different places in a file."""

    indptr: npt.NDArray[np.int64]
    components: Column
    values: Column
    columns: int


def read_csr(path: Path, reading: Reading, compression: Literal["gzip"] | None = None) -> Iterator[Batch]:
    """Yield the batches of a `.csr` file: int64 rows, columns, nnz; int64 indptr; int32 indices; float32 values; all
    little-endian.

    Two streams read indices and values side by side, because a compressed stream has one position. Rows have no ids.
    """
    with readable(path, "CSR"), ExitStack() as stack:
        first, second = (stack.enter_context(_open(path, compression)) for _ in range(2))
        rows, columns, nnz = np.frombuffer(exactly(first, HEADER.itemsize), HEADER)[0].tolist()
        check_shape(rows, columns, nnz)
        expected = HEADER.itemsize + 8 * (rows + 1) + 8 * nnz
        if compression is None and path.stat().st_size != expected:
            raise BrokenFileError(
                f"found {path.stat().st_size:,} bytes, expected {expected:,} for {rows:,} rows of {nnz:,}"
            )
        indptr = np.frombuffer(exactly(first, 8 * (rows + 1)), "<i8")
        skip(second, expected - 4 * nnz)
        components, values = Column(first, np.dtype("<i4"), nnz), Column(second, np.dtype("<f4"), nnz)
        yield from matrix_batches(path, reading, Matrix(indptr, components, values, columns))
        if second.read(1):
            raise BrokenFileError("found data after the last value")


def _open(path: Path, compression: Literal["gzip"] | None) -> BinaryIO:
    return gzip.GzipFile(path, "rb") if compression else path.open("rb")  # type: ignore[return-value]


def matrix_batches(path: Path, reading: Reading, matrix: Matrix) -> Iterator[Batch]:
    """Yield the rows of a matrix in batches, starting at `reading.skip`. VectorError names row and field."""
    indptr = matrix.indptr
    check_offsets(indptr, matrix.components.length)
    count = len(indptr) - 1
    first = min(reading.skip, count)
    for column in (matrix.components, matrix.values):
        skip(column.stream, int(indptr[first]) * column.kind.itemsize)
    while first < count:
        enough = int(np.searchsorted(indptr, indptr[first] + BATCH_NNZ, side="right")) - 1
        last = min(max(first + 1, enough), first + BATCH_ROWS, count)
        rows, nnz = Rows(path, "row", range(first, last)), int(indptr[last] - indptr[first])
        starts, components, values = indptr[first : last + 1] - indptr[first], matrix.components, matrix.values
        try:
            vectors = of_dimension(starts, components.take(nnz), values.take(nnz), matrix.columns, reading)
        except VectorError as error:
            raise rows.placed(error) from None
        yield Batch(rows, vectors, NO_DOCUMENTS, False, last / count)
        first = last


def of_dimension(
    starts: npt.NDArray[Any], components: npt.NDArray[Any], values: npt.NDArray[Any], columns: int, reading: Reading
) -> SparseVectors:
    """Return vectors of a matrix with `columns` columns, widened to the requested dimension if there is one."""
    dimension = columns if reading.dimension is None else reading.dimension
    vectors = SparseVectors.from_arrays(starts, components, values, min(columns, dimension), repair=reading.repair)
    return vectors.widened(dimension)


def check_shape(rows: int, columns: int, nnz: int) -> None:
    """Raise BrokenFileError for impossible sizes."""
    if min(rows, columns, nnz) < 0 or max(rows, columns, nnz) > MOST:
        raise BrokenFileError(
            f"found {rows:,} rows, {columns:,} columns and {nnz:,} values, expected 0 to {MOST:,} of each"
        )


def check_offsets(indptr: npt.NDArray[np.int64], nnz: int) -> None:
    """Raise BrokenFileError unless the row offsets ascend from 0 to nnz."""
    if len(indptr) == 0 or indptr[0] != 0 or indptr[-1] != nnz or (np.diff(indptr) < 0).any():
        raise BrokenFileError(f"found row offsets that do not ascend from 0 to {nnz:,}, the number of values")


def exactly(stream: BinaryIO, count: int) -> bytes:
    """Read the next `count` bytes; BrokenFileError if there are fewer."""
    parts = []
    missing = count
    while missing and (part := stream.read(min(missing, CHUNK))):
        parts.append(part)
        missing -= len(part)
    if missing:
        raise BrokenFileError(f"the file ends {missing:,} bytes early")
    return b"".join(parts)


def skip(stream: BinaryIO, count: int) -> None:
    """Skip `count` bytes; compressed streams read them."""
    stream.seek(count, 1)
