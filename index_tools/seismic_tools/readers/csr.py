"""Matrices in CSR form: `.csr` files of the BigANN benchmarks, and what they share with other formats."""

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
"""Bytes read at once: what a damaged header promises is not believed."""

MOST = 1 << 48
"""Rows or values that a file can have: offsets in bytes stay far within 63 bits."""

HEADER = np.dtype([("rows", "<i8"), ("columns", "<i8"), ("nnz", "<i8")])


class Column(NamedTuple):
    """An array that is read from front to back: `length` numbers of type `kind`, of which nothing was read yet."""

    stream: BinaryIO
    kind: np.dtype[Any]
    length: int

    def take(self, count: int) -> npt.NDArray[Any]:
        """The next `count` numbers; BrokenFileError if there are fewer."""
        return np.frombuffer(exactly(self.stream, count * self.kind.itemsize), self.kind)


class Matrix(NamedTuple):
    """A CSR matrix: offsets of its rows, and two columns that lie in different places of a file."""

    indptr: npt.NDArray[np.int64]
    components: Column
    values: Column
    columns: int


def read_csr(path: Path, reading: Reading, compression: Literal["gzip"] | None = None) -> Iterator[Batch]:
    """Batches of a `.csr` file: int64 rows, columns, nnz; int64 indptr; int32 indices; float32 values; little-endian.

    A compressed file is read by two streams, as it cannot be read in two places by one. Rows have no ids.
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
            raise BrokenFileError("there is more behind the last value")


def _open(path: Path, compression: Literal["gzip"] | None) -> BinaryIO:
    return gzip.GzipFile(path, "rb") if compression else path.open("rb")  # type: ignore[return-value]


def matrix_batches(path: Path, reading: Reading, matrix: Matrix) -> Iterator[Batch]:
    """The rows of a matrix in batches, from `reading.skip` on. BrokenFileError, and VectorError with row and field."""
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
    """Vectors of a matrix with so many columns, over the dimension asked for, if one is."""
    dimension = columns if reading.dimension is None else reading.dimension
    vectors = SparseVectors.from_arrays(starts, components, values, min(columns, dimension), repair=reading.repair)
    return vectors.widened(dimension)


def check_shape(rows: int, columns: int, nnz: int) -> None:
    """BrokenFileError for a header that no file has."""
    if min(rows, columns, nnz) < 0 or max(rows, columns, nnz) > MOST:
        raise BrokenFileError(
            f"found {rows:,} rows, {columns:,} columns and {nnz:,} values, expected 0 to {MOST:,} of each"
        )


def check_offsets(indptr: npt.NDArray[np.int64], nnz: int) -> None:
    """BrokenFileError unless the offsets of rows rise from 0 to nnz."""
    if len(indptr) == 0 or indptr[0] != 0 or indptr[-1] != nnz or (np.diff(indptr) < 0).any():
        raise BrokenFileError(f"found offsets of rows that do not rise from 0 to {nnz:,}, the number of values")


def exactly(stream: BinaryIO, count: int) -> bytes:
    """The next `count` bytes; BrokenFileError if there are fewer."""
    parts = []
    missing = count
    while missing and (part := stream.read(min(missing, CHUNK))):
        parts.append(part)
        missing -= len(part)
    if missing:
        raise BrokenFileError(f"the file ends {missing:,} bytes early")
    return b"".join(parts)


def skip(stream: BinaryIO, count: int) -> None:
    """Go `count` bytes ahead; streams that cannot seek read what lies between."""
    stream.seek(count, 1)
