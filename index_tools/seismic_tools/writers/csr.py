"""`.csr` files of the BigANN benchmarks: int64 rows, columns, nnz; int64 indptr; int32 indices; float32 values."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from seismic import InputError
from seismic_tools.readers.csr import HEADER
from seismic_tools.writers.base import Writing
from seismic_tools.writers.parts import Parts

MOST_COLUMNS = 1 << 31


def write_csr(path: Path, parts: Parts, writing: Writing) -> list[str]:
    """Write the three arrays side by side, each at its place in the file."""
    rows, columns, nnz = parts.rows, parts.dimension, parts.nnz
    if columns > MOST_COLUMNS:
        raise InputError(
            f"found component {columns - 1}, expected components below {MOST_COLUMNS} for this format, "
            "whose indices have 31 bits; choose .parquet, .jsonl, .ciff or .bin"
        )
    path.write_bytes(np.array((rows, columns, nnz), HEADER).tobytes() + np.array([0], "<i8").tobytes())
    places = (HEADER.itemsize + 8, HEADER.itemsize + 8 * (rows + 1), HEADER.itemsize + 8 * (rows + 1) + 4 * nnz)
    with ExitStack() as stack:
        indptr, components, values = (stack.enter_context(path.open("r+b")) for _ in places)
        for file, place in zip((indptr, components, values), places, strict=True):
            file.seek(place)
        done = 0
        for vectors, _ in writing.chunks(parts):
            (vectors.indptr[1:] + done).astype("<i8").tofile(indptr)
            vectors.components.astype("<i4").tofile(components)
            vectors.values.astype("<f4").tofile(values)
            done += vectors.nnz
    return []
