"""Matrices that `scipy.sparse.save_npz` wrote: a zip of NumPy arrays."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from seismic_tools.readers.batch import Batch, BrokenFileError, Reading, readable
from seismic_tools.readers.csr import Column, Matrix, check_shape, matrix_batches

MEMBERS = ("format", "shape", "indptr", "indices", "data")
SMALL = 1000
"""Bytes that members with a shape or a name may have."""


def read_npz(path: Path, reading: Reading) -> Iterator[Batch]:
    """Batches of a CSR matrix [documents, dimension] in scipy's `.npz`, compressed or not. Rows have no ids."""
    with readable(path, "npz of scipy"), ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            missing = [name for name in MEMBERS if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise BrokenFileError(
                    f"it has no {' and no '.join(missing)}; expected what scipy.sparse.save_npz writes"
                )
            members = {name: stack.enter_context(archive.open(f"{name}.npy")) for name in MEMBERS}
            yield from matrix_batches(path, reading, _matrix({name: _column(of) for name, of in members.items()}))  # type: ignore[arg-type]
            for name in MEMBERS:
                if members[name].read(1):  # at the end the zip's checksum is compared
                    raise BrokenFileError(f"there is more behind the last of its {name}")
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # other methods, or encrypted
            raise BrokenFileError(str(error)) from None


def _matrix(columns: dict[str, Column]) -> Matrix:
    """Its header checked; `indices` and `data` still to be read."""
    (name,) = _whole(columns["format"], "SU", 1)
    kind = name.decode(errors="replace") if isinstance(name, bytes) else name
    if kind != "csr":
        raise BrokenFileError(
            f"found a matrix in format {kind!r}, expected csr; convert it with .tocsr() and save it again"
        )
    rows, width = (int(number) for number in _whole(columns["shape"], "iu", 2))
    check_shape(rows, width, columns["data"].length)
    if columns["indptr"].length != rows + 1 or columns["indices"].length != columns["data"].length:
        counts = ", ".join(f"{columns[name].length:,} {name}" for name in ("indptr", "indices", "data"))
        raise BrokenFileError(f"found {counts}, expected {rows + 1:,} indptr, and as many indices as data")
    for name, kinds in (("indptr", "iu"), ("indices", "iu"), ("data", "fiu")):
        if columns[name].kind.kind not in kinds:
            raise BrokenFileError(
                f"found {name} of {columns[name].kind}, expected {'numbers' if 'f' in kinds else 'integers'}"
            )
    indptr = columns["indptr"].take(rows + 1).astype(np.int64)
    return Matrix(indptr, columns["indices"], columns["data"], width)


def _whole(column: Column, kinds: str, count: int) -> list[Any]:
    """A small member's numbers or text."""
    if column.kind.kind not in kinds or column.length != count or count * column.kind.itemsize > SMALL:
        raise BrokenFileError("its format or shape is not what scipy.sparse.save_npz writes")
    found: list[Any] = column.take(count).tolist()
    return found


def _column(member: BinaryIO) -> Column:
    """An array of one axis (or none), whose header was read."""
    try:
        version = npy.read_magic(member)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = read_header(member)
    except ValueError as error:
        raise BrokenFileError(str(error)) from None
    if len(shape) > 1 or kind.hasobject:
        raise BrokenFileError(f"found an array of {kind} with {len(shape)} axes, expected numbers with one")
    return Column(member, kind, int(np.prod(shape, dtype=object)))
