"""Spread documents over shards by hashes of their ids, so that sorted input gives shards that are alike."""

import mmap
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.spool import Spool
from seismic.documents.ids import hash_ids
from seismic.vectors import SparseVectors

ROWS = 1 << 14
"""Documents moved at a time."""


class Spread(NamedTuple):
    """Vectors and documents of the same rows, both memory-mapped."""

    vectors: SparseVectors
    documents: pa.Table


def spread(vectors: SparseVectors, documents: pa.Table, folder: Path) -> Spread:
    """Return the documents in the order of hashes of their ids, held in unnamed files in `folder`.

    The order depends on the ids alone, so every range of it is a random sample.
    """
    order = spread_order(documents["id"])
    kind = vectors.components.dtype
    with closing(Spool(kind, folder)) as components, closing(Spool(np.float32, folder)) as values:
        for first in range(0, len(order), ROWS):
            rows = order[first : first + ROWS]
            places = _places(vectors.indptr, rows)
            components.append(vectors.components[places])
            values.append(vectors.values[places])
        indptr = np.concatenate([[0], np.cumsum(np.diff(vectors.indptr)[order])])
        moved = SparseVectors.trusted(indptr, components.array(), values.array(), vectors.dimension)
    return Spread(moved, _reordered(documents, order, folder))


def spread_order(ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return int64 [n], the rows in the order of the hashes of their ids."""
    hashes = np.concatenate([np.zeros(0, np.uint64), *map(hash_ids, ids.chunks)])
    hashes ^= hashes >> np.uint64(30)  # the mixer of SplitMix64: the hash of an integer is itself
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return np.argsort(hashes, kind="stable")


def _places(indptr: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the places of the values of some rows: np.concatenate([np.arange(*indptr[row : row + 2])])."""
    lengths = indptr[rows + 1] - indptr[rows]
    ends = np.cumsum(lengths)
    places: npt.NDArray[np.int64] = np.arange(ends[-1]) + np.repeat(indptr[rows] - ends + lengths, lengths)
    return places


def _reordered(documents: pa.Table, order: npt.NDArray[np.int64], folder: Path) -> pa.Table:
    documents = documents.unify_dictionaries()  # a file has one dictionary a column
    with tempfile.TemporaryFile(dir=folder) as file:
        with pa.ipc.new_file(file, documents.schema) as writer:
            for first in range(0, len(order), ROWS):
                writer.write_table(documents.take(pa.array(order[first : first + ROWS])).combine_chunks())
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
