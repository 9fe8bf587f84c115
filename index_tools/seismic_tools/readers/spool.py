"""Batches collected on disk, so that neither texts nor vectors of a collection have to fit in memory."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import Encoder, InputError, SparseVectors
from seismic.builder.spool import Spool
from seismic.encoders import weighted
from seismic.store.failures import file_errors
from seismic_tools.readers.batch import Batch, check_unique

ROWS = 1 << 14
"""Documents weighted at a time."""


class Collection(NamedTuple):
    """All vectors and the documents of the same rows, both memory-mapped."""

    vectors: SparseVectors
    documents: pa.Table


@contextmanager
def collect(batches: Iterable[Batch], beside: Path) -> Iterator[Collection]:
    """Yield all of `batches`, held in unnamed files next to `beside`, which vanish with the process.

    Raises the errors of the batches, VectorError for a repeated id, and StorageError if the files cannot be written.
    """
    parent = folder_for(beside)
    with file_errors("write to", parent):  # errors of the files read are InputError
        collection = _gather(batches, parent)
    pa.default_memory_pool().release_unused()  # decoding needs more memory than the vectors
    yield collection


def folder_for(path: Path) -> Path:
    """Return the nearest existing folder above `path`, whose disk will also hold `path`."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def _gather(batches: Iterable[Batch], folder: Path) -> Collection:
    places = []
    with closing(_Vectors(folder)) as vectors, closing(_Documents(folder)) as documents:
        for batch in batches:
            vectors.add(batch.vectors)
            documents.add(batch.documents)
            places.append(batch.rows)
        table = documents.table()
        check_unique(table["id"], places)
        return Collection(vectors.vectors(), table)


def with_weights(counts: Collection, encoder: Encoder, folder: Path) -> Collection:
    """Return a collection of term frequencies with the weights of a BM25 encoder instead, held in `folder`."""
    vectors = counts.vectors
    with file_errors("write to", folder), closing(Spool(np.float32, folder)) as values:
        for first in range(0, len(vectors), ROWS):
            values.append(weighted(vectors.slice(first, min(first + ROWS, len(vectors))), encoder).values)
        weights = values.array()
    vectors = SparseVectors.trusted(vectors.indptr, vectors.components, weights, vectors.dimension)
    return Collection(vectors, counts.documents)


class _Vectors:
    """Components and values as plain numbers; components have 16 bits while all of them fit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lengths: list[npt.NDArray[np.int64]] = []
        self.dimension, self.narrow = 0, True
        self.components, self.values = Spool(np.uint16, folder), Spool(np.float32, folder)

    def add(self, vectors: SparseVectors) -> None:
        self.lengths.append(np.diff(vectors.indptr))
        self.dimension = max(self.dimension, vectors.dimension)
        if self.dimension > 1 << 16 and self.narrow:
            before, self.components, self.narrow = self.components.array(), Spool(np.uint32, self.folder), False
            self.components.append(before)
        self.components.append(vectors.components)
        self.values.append(vectors.values)

    def vectors(self) -> SparseVectors:
        """Return all vectors; the readers have checked every batch."""
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))])
        return SparseVectors.trusted(indptr, self.components.array(), self.values.array(), self.dimension)

    def close(self) -> None:
        self.components.close()
        self.values.close()


class _Documents:
    """Documents as Arrow IPC files. A new file starts when an inferred type widens; earlier files are cast at the
    end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[BinaryIO] = []
        self.schema: pa.Schema | None = None
        self.writer: Any = None

    def add(self, documents: pa.Table) -> None:
        if documents.schema != self.schema:
            self._end()
            self.schema = documents.schema
            self.files.append(tempfile.TemporaryFile(dir=self.folder))  # noqa: SIM115 (closed with the object)
            self.writer = pa.ipc.new_file(self.files[-1], self.schema)
        self.writer.write_table(documents)

    def table(self) -> pa.Table:
        self._end()
        maps = (mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for file in self.files)
        tables = [pa.ipc.open_file(pa.py_buffer(mapped)).read_all() for mapped in maps]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"metadata columns have types that cannot be combined: {error}") from None

    def close(self) -> None:
        """Close the files; mappings stay valid."""
        self._end()
        for file in self.files:
            file.close()

    def _end(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
            self.files[-1].flush()
