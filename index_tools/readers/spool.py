"""Batches gathered on disk, so that neither the texts nor the vectors of a collection have to fit in memory."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index_tools.readers.batch import Batch, check_unique
from seismic import InputError, SparseVectors, StorageError


class Collection(NamedTuple):
    """All vectors and, row by row beside them, all documents; both are memory-mapped."""

    vectors: SparseVectors
    documents: pa.Table


@contextmanager
def collect(batches: Iterable[Batch], beside: Path) -> Iterator[Collection]:
    """All of `batches`, held in a temporary folder next to the path `beside` for as long as the context lasts.

    Raises what reading the batches raises, VectorError for a repeated id and StorageError if nothing can be
    written there.
    """
    parent = next(folder for folder in beside.absolute().parents if folder.exists())
    try:
        folder = TemporaryDirectory(prefix=".seismic-", dir=parent)
    except OSError as error:
        raise StorageError(f"cannot write to {parent}: {error.strerror}") from None
    with folder as name:
        try:
            collection = _gather(batches, Path(name))
        except OSError as error:  # what goes wrong with the files read is an InputError
            raise StorageError(f"cannot write to {parent}: {error}") from None
        pa.default_memory_pool().release_unused()  # what decoding needed: more than the vectors themselves
        yield collection


def _gather(batches: Iterable[Batch], folder: Path) -> Collection:
    places = []
    with closing(_VectorFiles(folder)) as vectors, closing(_DocumentFiles(folder)) as documents:
        for batch in batches:
            vectors.add(batch.vectors)
            documents.add(batch.documents)
            places.append(batch.rows)
        table = documents.table()
        check_unique(table["id"], places)
        return Collection(vectors.vectors(), table)


class _VectorFiles:
    """Components and values as plain numbers, a file each; 16-bit components as long as all of them fit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lengths: list[npt.NDArray[np.int64]] = []
        self.dimension = 0
        self.kind: npt.DTypeLike = np.uint16
        self.components = (folder / "components").open("wb")
        self.values = (folder / "values").open("wb")

    def add(self, vectors: SparseVectors) -> None:
        self.lengths.append(np.diff(vectors.indptr))
        self.dimension = max(self.dimension, vectors.dimension)
        if self.dimension > 1 << 16 and self.kind == np.uint16:
            self._widen()
        vectors.components.astype(self.kind, copy=False).tofile(self.components)
        vectors.values.tofile(self.values)

    def _widen(self) -> None:
        narrow = self._map(self.components, np.uint16)
        self.kind = np.uint32
        self.components = (self.folder / "wide_components").open("wb")
        narrow.astype(np.uint32).tofile(self.components)

    def vectors(self) -> SparseVectors:
        """All of them; the readers have checked every batch."""
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))])
        components, values = self._map(self.components, self.kind), self._map(self.values, np.float32)
        return SparseVectors.trusted(indptr, components, values, self.dimension)

    @staticmethod
    def _map(file: Any, kind: npt.DTypeLike) -> npt.NDArray[Any]:
        file.close()
        if Path(file.name).stat().st_size == 0:  # which cannot be mapped
            return np.fromfile(file.name, kind)
        return np.asarray(np.memmap(file.name, kind, mode="r"))

    def close(self) -> None:
        self.components.close()
        self.values.close()


class _DocumentFiles:
    """Documents as Arrow IPC. Types that JSON lines were inferred to have may widen on the way: that begins a new
    file, and the old ones are cast in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.schema: pa.Schema | None = None
        self.writer: Any = None

    def add(self, documents: pa.Table) -> None:
        if documents.schema != self.schema:
            self.close()
            self.schema = documents.schema
            self.files.append(self.folder / f"documents-{len(self.files)}.arrow")
            self.writer = pa.ipc.new_file(str(self.files[-1]), self.schema)
        self.writer.write_table(documents)

    def table(self) -> pa.Table:
        self.close()
        tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in self.files]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"metadata of all documents does not fit into common columns: {error}") from None

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
