"""Embeddings of lsr-benchmark: `NAME-embeddings.npz` with the arrays of a CSR matrix, and `NAME-ids.txt`."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import SparseVectors, VectorError
from seismic.lines import read_lines
from seismic_tools.readers.batch import BATCH_ROWS, NO_DOCUMENTS, Batch, BrokenFileError, Reading, Rows
from seismic_tools.readers.csr import check_offsets, of_dimension

ARRAYS = ("indptr", "indices", "data")
ENDING, IDS_ENDING = "-embeddings.npz", "-ids.txt"


def is_lsr(members: list[str]) -> bool:
    """Return whether an archive with these members holds embeddings of lsr-benchmark: a matrix without its form."""
    return {f"{name}.npy" for name in ARRAYS} <= {*members} and "format.npy" not in members


def read_lsr(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of a file of embeddings; components of a row may be in any order."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            indptr, indices, data = (arrays[name] for name in ARRAYS)
    except (ValueError, zipfile.BadZipFile) as error:
        raise BrokenFileError(str(error)) from None
    _check(indptr, indices, data)
    count, width = len(indptr) - 1, int(indices.max(initial=-1)) + 1
    ids = None if reading.ids is not None else _ids(path, count)
    for first in range(min(reading.skip, count), count, BATCH_ROWS):
        last = min(first + BATCH_ROWS, count)
        starts, inside = indptr[first : last + 1] - indptr[first], slice(indptr[first], indptr[last])
        order = np.lexsort((indices[inside], np.repeat(np.arange(last - first), np.diff(starts))))
        rows = Rows(path, "row", range(first, last))
        try:
            vectors: SparseVectors = of_dimension(starts, indices[inside][order], data[inside][order], width, reading)
        except VectorError as error:
            raise rows.placed(error) from None
        documents = NO_DOCUMENTS if ids is None else pa.table({"id": ids[first:last]})
        yield Batch(rows, vectors, documents, False, last / count)


def _check(indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int64], data: npt.NDArray[np.float32]) -> None:
    for name, array, kinds in (("indptr", indptr, "iu"), ("indices", indices, "iu"), ("data", data, "fiu")):
        if array.ndim != 1 or array.dtype.kind not in kinds:
            expected = "integers" if kinds == "iu" else "numbers"
            raise BrokenFileError(f"found {name} of {array.dtype} with {array.ndim} axes, expected {expected} with one")
    if len(indices) != len(data):
        raise BrokenFileError(f"found {len(indices):,} indices and {len(data):,} data, expected equal numbers")
    check_offsets(indptr, len(data))


def _ids(path: Path, count: int) -> list[str]:
    """Read the file of ids beside the embeddings. BrokenFileError if there is none, or if it has other rows."""
    file = path.with_name(path.name.removesuffix(ENDING) + IDS_ENDING)
    if not path.name.endswith(ENDING) or not file.is_file():
        raise BrokenFileError(f"it has no format, and no file {file.name} of ids is beside it; give the ids by --ids")
    ids = [line for line in read_lines(file, "one id per line") if line]
    if len(ids) != count:
        raise BrokenFileError(f"found {len(ids):,} ids in {file.name} for {count:,} rows, expected equal numbers")
    return ids
