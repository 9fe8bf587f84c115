"""The writer of the log: checks changes against the rules, and appends them."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa

from seismic.changes.evolution import ColumnTypes, TokenMap, declared, extension, parse_columns
from seismic.changes.fielded import Origins, joined, split_vectors
from seismic.changes.records import (
    Change,
    Columns,
    Rules,
    check_delete,
    decode_rules,
    encode,
    record_format,
    rules_of,
    stored_column,
    upsert_changes,
)
from seismic.conversion.numbers import as_path
from seismic.conversion.tables import TableLike
from seismic.errors import InputError
from seismic.fields.vectors import FieldVectors
from seismic.layouts import Layout, storage_of
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.failures import file_errors
from seismic.store.files import map_table
from seismic.store.log import (
    LogPosition,
    Record,
    append,
    appending,
    position_after,
    read_log,
    read_quiet_log,
    segment_path,
)
from seismic.store.manifest import FILE_NAME, Manifest, read_manifest
from seismic.store.opening import check_has_shards, hold_current, open_vocabulary
from seismic.store.schema import DOCUMENTS
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.weight_range import RangeWarning, range_problem

NO_ORIGIN = Origins()

NO_DOCUMENTS = "documents: found none, expected a table with a column 'id'"


def add_columns(path: str | Path, columns: ColumnTypes | pa.Schema) -> int:
    """Add payload columns to the collection at `path`, or widen the types of columns, and return the sequence.

    `columns`: column -> Arrow type or its name, such as "int64", "list<string>" or "timestamp[us, tz=UTC]". Documents
    have nulls in a new column. Nothing is rebuilt. Integers and floats become wider ones, integers become floats, and
    structs get more fields; a column that already has the type stays as it is. Raises ParameterError, InputError for a
    type that the stored values do not have, or StorageError.
    """
    return Writer(path).add_columns(parse_columns(columns))


def _file_of(folder: Path) -> tuple[int, int]:
    """Return the identity of a generation's manifest file."""
    found = (folder / FILE_NAME).stat()
    return found.st_ino, found.st_mtime_ns


def read_rules(folder: Path, manifest: Manifest) -> Rules:
    """Return the rules that the generation in a folder sets for changes."""
    check_has_shards(folder, manifest)
    shard = manifest.shards[0]
    documents = map_table(folder / shard.folder / DOCUMENTS, shard.files[DOCUMENTS])
    return rules_of(manifest, documents.schema, open_vocabulary(folder, manifest))


def upsert_check(
    vectors: "VectorsLike | FieldVectors",
    documents: TableLike | None,
    origins: Origins,
    layout: Layout,
    warned: list[str],
) -> Callable[[Rules], list[Change]]:
    """Return a function from the rules to the changes of an upsert, which puts what it warns of into `warned`."""

    def check(rules: Rules) -> list[Change]:
        split, table = split_vectors(vectors, documents, rules)
        if table is None:
            raise InputError(NO_DOCUMENTS)
        grown, given = given_vectors(split, rules, origins)
        if len(given) == 0:
            raise InputError("found no vectors, expected at least one document")
        problem = range_problem(given, storage_of(layout, several_fields=len(rules.fields) > 1))
        warned[:] = [problem] if problem else []
        return [*grown, *upsert_changes(given, table, rules.after(grown))]

    return check


def given_vectors(split: Any, rules: Rules, origins: Origins) -> tuple[list[Change], SparseVectors]:
    """Return the vectors of documents, by field if the collection has several, after the growth that they need."""
    if len(rules.fields) > 1:
        needed, joint = joined(split, rules, origins)
        return [*needed], joint
    vocabulary, encoder = origins.of(rules.fields[0].name) if rules.fields else origins.every
    grown: list[Change] = [*extension(vocabulary, rules)]
    rules = rules.after(grown)
    rules.check_origin(vocabulary, encoder)
    tokens = TokenMap(rules)
    given = as_vectors(split, tokens.component if tokens.exists else None)
    return [*grown, *tokens.growth()], given


def warn(problems: Sequence[str], stacklevel: int) -> None:
    """Warn of weights that 16 bits cannot hold."""
    for problem in problems:
        warnings.warn(problem, RangeWarning, stacklevel=stacklevel)


class Writer:
    """Appender to the log of a collection, which remembers the end of the log; for one thread at a time.

    Other writers, in any process, may change the collection or publish a generation at any time.
    """

    def __init__(self, path: str | Path) -> None:
        self._collection = as_path(path)
        self._open()

    def _open(self) -> None:
        """Read the rules of the current generation."""
        folder, lease = hold_current(self._collection)
        try:
            with file_errors("read", folder):
                self._file = _file_of(folder)
            self.generation, self._manifest = folder.name, read_manifest(folder)
            self.rules = read_rules(folder, self._manifest)
        finally:
            lease.close()
        self._position = position_after(self._collection, self._manifest.sequence)
        self.rules = self.rules._replace(stored=self._stored)
        self._follow(read_log)

    def _follow(self, read: Callable[[Path, LogPosition], tuple[list[Record], LogPosition]]) -> bool:
        """Move to the end of the log, and return whether other writers have changed the rules meanwhile."""
        before, contained = self.rules.version, self._manifest.sequence
        seen, position = self._position.sequence, self._position
        if position.segment and not segment_path(self._collection, position.segment).exists():  # pruned
            position = position_after(self._collection, max(seen, contained))
        while True:
            records, position = read(self._collection, position)
            if not records:
                self._position = position
                return self.rules.version != before
            for record in records:
                if record.sequence > max(seen, contained):
                    self.rules = decode_rules(record.body, self.rules)

    def _stored(self, column: str) -> Iterator[pa.ChunkedArray]:
        """Yield the values of a column in the generation and in the log."""
        folder = self._collection / GENERATIONS / self.generation
        for shard in self._manifest.shards:
            documents = map_table(folder / shard.folder / DOCUMENTS, shard.files[DOCUMENTS])
            if column in documents.column_names:
                yield documents[column]
        position = position_after(self._collection, self._manifest.sequence)
        while True:
            records, position = read_log(self._collection, position)
            if not records:
                return
            for record in records:
                if record.sequence > self._manifest.sequence:
                    yield from stored_column(record.body, column)

    def upsert(
        self,
        vectors: "VectorsLike | FieldVectors",
        documents: TableLike | None = None,
        origins: Origins = NO_ORIGIN,
    ) -> int:
        """Insert or replace documents, as the function `upsert` does."""
        warned: list[str] = []
        check = upsert_check(vectors, documents, origins, self._manifest.layout, warned)

        def check_and_warn(rules: Rules) -> list[Change]:
            changes = check(rules)
            warn(warned, stacklevel=6)  # before anything is written, for those who make warnings errors
            return changes

        return self.append(check_and_warn)

    def add_columns(self, fields: Sequence[pa.Field]) -> int:
        """Add columns, or widen their types, as the function `add_columns` does."""
        return self.append(lambda rules: [*declared(fields, rules)])

    def delete(self, ids: Sequence[Any] | pa.Array) -> int:
        """Remove documents, as the function `delete` does."""
        return self.append(lambda rules: [check_delete(ids, rules)])

    @property
    def layout(self) -> Layout:
        """The layout of the generation."""
        return self._manifest.layout

    @property
    def contained(self) -> int:
        """The sequence of the last change that the generation contains."""
        return self._manifest.sequence

    @property
    def sequence(self) -> int:
        """The sequence of the last change that the writer knows."""
        return max(self._position.sequence, self.contained)

    def append_locked(self, check: Callable[[Rules], Sequence[Change]]) -> int:
        """Append the changes that `check` returns as one atomic record, and return its sequence.

        Nobody else changes the collection while `check` runs, so it may look at the documents. Without changes nothing
        is written.
        """
        while True:
            with appending(self._collection), file_errors("change", self._collection):
                if self._is_current():
                    self._follow(read_quiet_log)
                    body = encode(check(self.rules), self.rules)
                    return self._append(body) if body else self.sequence
            self._open()

    def append(self, check: Callable[[Rules], Sequence[Change]], look: Callable[[], None] | None = None) -> int:
        """Append the changes that `check` returns as one atomic record, and return its sequence.

        `check` is called again if another writer has changed the rules or published a generation meanwhile; its refusal
        counts only under the current rules. Without changes nothing is written. `look` is called right before the
        record is appended, while nobody else changes the collection.
        """
        while True:
            try:
                changes = check(self.rules)
                body = encode(changes, self.rules)
            except InputError:
                if self._is_current() and not self._follow(read_log):
                    raise
            else:
                locked = appending(self._collection) if body else nullcontext()
                with locked, file_errors("change", self._collection):
                    if self._is_current():
                        if not body:
                            return self.sequence
                        if not self._is_outdated(changes):
                            if look:
                                look()
                            return self._append(body)
            if not self._is_current():
                self._open()

    def _is_outdated(self, changes: Sequence[Change]) -> bool:
        """Return whether changes have to be checked again, because of records that others have appended meanwhile.

        Those may also hold values that do not fit a wider type. The caller holds `appending`.
        """
        before = self._position.sequence
        evolved = self._follow(read_quiet_log)
        return evolved or (before != self._position.sequence and any(isinstance(one, Columns) for one in changes))

    def _is_current(self) -> bool:
        """Return whether the generation is served, and is not a later one that got the number of a removed one."""
        folder = self._collection / GENERATIONS / self.generation
        try:
            return current_generation(self._collection) == self.generation and _file_of(folder) == self._file
        except FileNotFoundError:
            return False

    def _append(self, body: bytes) -> int:
        contained, rules = self._manifest.sequence, decode_rules(body, self.rules)
        if not segment_path(self._collection, self._position.segment).exists():  # pruned, or no log yet
            self._position = position_after(self._collection, contained)
        self._position = append(self._collection, body, self._position, contained, record_format(body))
        self.rules = rules
        return self._position.sequence
