"""Changing a collection: documents in and out by id, durable when the call returns, searched at the next refresh."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from seismic.changes.records import Change, Rules, check_delete, check_upsert, encode, rules_of
from seismic.errors import InputError
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.files import map_table
from seismic.store.log import append, appending, segment_path, start_of
from seismic.store.manifest import FILE_NAME, Manifest, read_manifest
from seismic.store.schema import DOCUMENTS
from seismic.vectors import VectorsLike, as_vectors


def upsert(path: str | Path, vectors: VectorsLike, documents: pa.Table) -> int:
    """Put documents into a collection: those whose id is there are replaced. All of them or, if one is wrong, none.

    `vectors`: as for `build`, of the collection's components. `documents`: a row per vector, a column `id` (unique)
    and payload columns of the collection's types; columns left out are null. Returns the sequence of the change.
    Raises InputError, which names row and field, or StorageError.
    """
    return Writer(path).upsert(vectors, documents)


def delete(path: str | Path, ids: Sequence[str] | Sequence[int] | pa.Array) -> int:
    """Take documents out of a collection; ids that are not there are passed over. Returns the change's sequence.

    Raises InputError for ids of another type than the collection's, or StorageError.
    """
    return Writer(path).delete(ids)


def _file_of(folder: Path) -> tuple[int, int]:
    """Which file a generation's manifest is."""
    found = (folder / FILE_NAME).stat()
    return found.st_ino, found.st_mtime_ns


def read_rules(folder: Path, manifest: Manifest) -> Rules:
    """What the generation in a folder asks of changes."""
    shard = manifest.shards[0]
    documents = map_table(folder / shard.folder / DOCUMENTS, shard.files[DOCUMENTS])
    return rules_of(manifest, documents.schema)


class Writer:
    """Appends changes to the log of a collection, and remembers where it ends; for one thread at a time.

    Other writers, in any process, may change the collection meanwhile, or publish another generation.
    """

    def __init__(self, path: str | Path) -> None:
        self._collection = Path(path)
        self._open()

    def _open(self) -> None:
        """Look up what the current generation asks of changes."""
        self.generation = current_generation(self._collection)
        folder = self._collection / GENERATIONS / self.generation
        self._file = _file_of(folder)
        self._manifest = read_manifest(folder)
        self.rules = read_rules(folder, self._manifest)
        self._place = start_of(self._collection, self._manifest.sequence)

    def upsert(self, vectors: VectorsLike, documents: pa.Table) -> int:
        """As the function of that name."""
        given = as_vectors(vectors)
        if len(given) == 0:
            raise InputError("found no vectors, expected at least one document")
        return self.append(lambda rules: [check_upsert(given, documents, rules)])

    def delete(self, ids: Sequence[Any] | pa.Array) -> int:
        """As the function of that name."""
        return self.append(lambda rules: [check_delete(ids, rules)])

    def append(self, check: Callable[[Rules], Sequence[Change]]) -> int:
        """Append the changes that `check` makes, as one record: all of them happen, or none; its sequence.

        `check` is called again if another generation, of other rules perhaps, was published meanwhile. If it makes no
        changes, nothing is written.
        """
        while True:
            body = encode(check(self.rules))
            if not body:
                return self._place.sequence
            with appending(self._collection):
                if self._is_current():
                    return self._append(body)
            self._open()

    def _is_current(self) -> bool:
        """Whether the generation is served, and not another that got its number after it was removed."""
        folder = self._collection / GENERATIONS / self.generation
        return current_generation(self._collection) == self.generation and _file_of(folder) == self._file

    def _append(self, body: bytes) -> int:
        contained = self._manifest.sequence
        if not segment_path(self._collection, self._place.segment).exists():  # pruned, or there is no log yet
            self._place = start_of(self._collection, contained)
        self._place = append(self._collection, body, self._place, contained)
        return self._place.sequence
