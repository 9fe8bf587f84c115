"""Matrices written by `scipy.sparse.save_npz`: a zip of NumPy arrays, in CSR, CSC or COO form; embeddings of
lsr-benchmark, too."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from seismic import SparseVectors, VectorError
from seismic_tools.readers.batch import BATCH_ROWS, NO_DOCUMENTS, Batch, BrokenFileError, Reading, Rows, readable
from seismic_tools.readers.csr import CHUNK, Column, Matrix, check_offsets, check_shape, matrix_batches, of_dimension
from seismic_tools.readers.inversion import Inversion, inversion
from seismic_tools.readers.lsr import is_lsr, read_lsr

MEMBERS = {
    "csr": ("format", "shape", "indptr", "indices", "data"),
    "csc": ("format", "shape", "indptr", "indices", "data"),
    "coo": ("format", "shape", "row", "col", "data"),
}
"""Form of a matrix -> the arrays of its file."""

SMALL = 1000
"""Maximum bytes of members with a shape or a name."""

HEADER_BYTES = 10_000
"""Maximum bytes of the header of an array."""

MOST_32 = (1 << 32) - 1
"""Largest row or column of a matrix that is inverted."""


def read_npz(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of a matrix [documents, dimension], compressed or not. Rows have no ids.

    CSC and COO matrices are inverted in `reading.scratch`.
    """
    with readable(path, "npz of scipy"), ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            if is_lsr(archive.namelist()):
                yield from read_lsr(path, reading)
                return
            kind = _kind(archive)
            missing = [name for name in MEMBERS[kind] if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise BrokenFileError(
                    f"it has no {' and no '.join(missing)}; expected what scipy.sparse.save_npz writes"
                )
            members: dict[str, Any] = {name: stack.enter_context(archive.open(f"{name}.npy")) for name in MEMBERS[kind]}
            columns = {name: _column(member) for name, member in members.items()}
            rows, width = _shape(columns)
            if kind == "csr":
                yield from matrix_batches(path, reading, _csr(columns, rows, width))
            else:
                with inversion(reading.scratch) as turned:
                    (_invert_csc if kind == "csc" else _invert_coo)(turned, columns, rows, width)
                    yield from _inverted_batches(path, reading, turned, rows, width)
            for name, member in members.items():
                if member.read(1):  # at the end the zip compares the checksum
                    raise BrokenFileError(f"found data after the last of its {name}")
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # other methods, or encrypted
            raise BrokenFileError(str(error)) from None


def _kind(archive: zipfile.ZipFile) -> str:
    """Return the form of the matrix."""
    if "format.npy" not in archive.namelist():
        raise BrokenFileError("it has no format; expected what scipy.sparse.save_npz writes")
    with archive.open("format.npy") as member:
        (name,) = _whole(_column(member), "SU", 1)  # type: ignore[arg-type]
    kind = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    if kind not in MEMBERS:
        raise BrokenFileError(
            f"found a matrix in format {kind!r}, expected csr, csc or coo; convert it with .tocsr() and save it again"
        )
    return kind


def _shape(columns: dict[str, Column]) -> tuple[int, int]:
    """Check and return the shape; skip the format, which was read before."""
    _whole(columns["format"], "SU", 1)
    rows, width = (int(number) for number in _whole(columns["shape"], "iu", 2))
    check_shape(rows, width, columns["data"].length)
    for name, column in columns.items():
        kinds = "fiu" if name == "data" else "iu"
        if name not in ("format", "shape") and column.kind.kind not in kinds:
            raise BrokenFileError(
                f"found {name} of {column.kind}, expected {'numbers' if 'f' in kinds else 'integers'}"
            )
    return rows, width


def _csr(columns: dict[str, Column], rows: int, width: int) -> Matrix:
    """Read the offsets; `indices` and `data` are read later."""
    return Matrix(_offsets(columns, rows), columns["indices"], columns["data"], width)


def _offsets(columns: dict[str, Column], count: int) -> npt.NDArray[np.int64]:
    if columns["indptr"].length != count + 1 or columns["indices"].length != columns["data"].length:
        counts = ", ".join(f"{columns[name].length:,} {name}" for name in ("indptr", "indices", "data"))
        raise BrokenFileError(f"found {counts}, expected {count + 1:,} indptr, and equal numbers of indices and data")
    return columns["indptr"].take(count + 1).astype(np.int64)


def _invert_csc(turned: Inversion, columns: dict[str, Column], rows: int, width: int) -> None:
    indptr = _offsets(columns, width)
    nnz = columns["data"].length
    check_offsets(indptr, nnz)
    for first in range(0, nnz, CHUNK):
        last = min(first + CHUNK, nnz)
        components = np.searchsorted(indptr, np.arange(first, last), side="right") - 1
        _add(turned, columns["indices"].take(last - first), components, columns["data"].take(last - first), rows, width)


def _invert_coo(turned: Inversion, columns: dict[str, Column], rows: int, width: int) -> None:
    nnz = columns["data"].length
    if columns["row"].length != nnz or columns["col"].length != nnz:
        counts = ", ".join(f"{columns[name].length:,} {name}" for name in ("row", "col", "data"))
        raise BrokenFileError(f"found {counts}, expected equal numbers")
    for first in range(0, nnz, CHUNK):
        count = min(CHUNK, nnz - first)
        numbers, components, values = (columns[name].take(count) for name in ("row", "col", "data"))
        _add(turned, numbers, components, values, rows, width)


def _add(
    turned: Inversion,
    numbers: npt.NDArray[Any],
    components: npt.NDArray[Any],
    values: npt.NDArray[Any],
    rows: int,
    width: int,
) -> None:
    for name, found, limit in (("row", numbers, rows), ("column", components, width)):
        if len(found) and (int(found.min()) < 0 or int(found.max()) >= min(limit, MOST_32)):
            raise BrokenFileError(f"found a {name} outside of 0 to {min(limit, MOST_32) - 1:,}")
    with np.errstate(over="ignore"):  # infinity is refused as any other value that is not finite
        bits = values.astype(np.float32).view(np.uint32)
    turned.add(numbers.astype(np.uint32), components.astype(np.uint32), bits)


def _inverted_batches(path: Path, reading: Reading, turned: Inversion, count: int, width: int) -> Iterator[Batch]:
    for first in range(min(reading.skip, count), count, BATCH_ROWS):
        last = min(first + BATCH_ROWS, count)
        keys, components, bits = turned.between(first, last)
        numbers = keys.astype(np.int64) - first
        order = np.lexsort((components, numbers))
        starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=last - first))])
        rows = Rows(path, "row", range(first, last))
        try:
            vectors: SparseVectors = of_dimension(
                starts, components[order].astype(np.int64), bits[order].view(np.float32), width, reading
            )
        except VectorError as error:
            raise rows.placed(error) from None
        yield Batch(rows, vectors, NO_DOCUMENTS, False, last / count)


def _whole(column: Column, kinds: str, count: int) -> list[Any]:
    """Read the numbers or the text of a small member."""
    if column.kind.kind not in kinds or column.length != count or count * column.kind.itemsize > SMALL:
        raise BrokenFileError("its format or shape is not what scipy.sparse.save_npz writes")
    found: list[Any] = column.take(count).tolist()
    return found


def _column(member: BinaryIO) -> Column:
    """Read the header of an array with one axis or none."""
    try:
        version = npy.read_magic(member)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = read_header(member, max_header_size=HEADER_BYTES)
    except Exception as error:  # NumPy evaluates the header as Python
        raise BrokenFileError(f"the header of an array is damaged: {error}") from None
    length = int(np.prod(shape, dtype=object))
    if len(shape) > 1 or kind.hasobject or length < 0:
        raise BrokenFileError(f"found an array of {kind} with {len(shape)} axes, expected numbers with one")
    return Column(member, kind, length)
