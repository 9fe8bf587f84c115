"""The net effect of changes of which some keep a part of the documents: patches, and upserts of vectors alone."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.patches import FieldPatch, Patch
from seismic.changes.records import Delete, Upsert, ids_of
from seismic.changes.rules import Rules
from seismic.documents.widening import with_schema
from seismic.fields.joined import JoinedVocabulary
from seismic.layouts import Storage
from seismic.vectors import SparseVectors
from seismic.view.patched_fields import FieldWrite, patched_vectors

NULL, STORED = -1, -2
"""In place of a row: no value; what the view has."""


DocumentChange: TypeAlias = Upsert | Delete | Patch | FieldPatch


class Source(Protocol):
    """The documents before the changes, by document number."""

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return int64 [n]: the document number of each id, -1 if unknown."""

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """Return the vectors of documents, in their order."""

    def rows(self, numbers: npt.NDArray[np.int64]) -> pa.Table:
        """Return the ids and payloads of documents, in their order, in the columns of the rules."""

    @property
    def storage(self) -> Storage:
        """What the collection stores of vectors."""


class Combined(NamedTuple):
    """``touched``: every id that the changes name; the final vectors and documents in the order of their last write."""

    touched: pa.Array
    vectors: SparseVectors
    documents: pa.Table


class _Sources:
    """Where the parts of each document come from, change after change; a document is the index of its id.

    ``vector`` int64: row of all vectors, before the patches of ``fields``. ``whole`` int64: order of the change that
    gave it, -1 if none did. ``columns``: by payload column, int64, row of all tables. ``last`` int64: rank of the last
    write, -1 if there was none. ``exists`` bool.
    """

    def __init__(self, numbers: npt.NDArray[np.int64], columns: Sequence[str]) -> None:
        self.exists = numbers >= 0
        self.vector = np.full(len(numbers), STORED)
        self.whole = np.full(len(numbers), -1)
        self.fields: list[FieldWrite] = []
        self.columns = {name: self.vector.copy() for name in columns}
        self.last = np.full(len(numbers), -1)
        self._writes = self._vectors = self._rows = 0

    def apply(self, change: DocumentChange, documents: npt.NDArray[np.int64]) -> None:
        """Apply a change that names these documents."""
        if isinstance(change, Delete):
            self.exists[documents] = False
            return
        rows = self._rows + np.arange(len(documents))
        self._rows += len(rows)
        if isinstance(change, Upsert):
            self._upsert(change, documents, rows)
        elif isinstance(change, FieldPatch):
            known, vectors = self.exists[documents], self._vectors + np.arange(len(documents))
            self._vectors += len(documents)
            documents = documents[known]
            self.fields.append(FieldWrite(documents, vectors[known], change.fields, self._writes))
        else:
            known = self.exists[documents]
            documents, rows = documents[known], rows[known]
            for name in change.documents.column_names[1:]:
                self.columns[name][documents] = rows
        self.last[documents] = self._writes + np.arange(len(documents))
        self._writes += len(documents)

    def _upsert(self, change: Upsert, documents: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> None:
        new = documents[~self.exists[documents]]
        for name, sources in self.columns.items():
            if not change.keeps_payload:
                sources[documents] = rows if name in change.documents.column_names else NULL
            else:
                sources[new] = NULL
        self.exists[documents] = True
        self.vector[documents] = self._vectors + np.arange(len(documents))
        self.whole[documents] = self._writes
        self._vectors += len(documents)


def combine_parts(changes: Sequence[DocumentChange], rules: Rules, source: Source) -> Combined:
    """Return the net effect of changes, in their order, under the rules after them."""
    encoded = pa.concat_arrays([ids_of(change) for change in changes]).dictionary_encode()
    ids, codes = encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)
    numbers = source.find(ids)
    sources, at = _Sources(numbers, rules.schema.names[1:]), 0
    for change in changes:
        count = len(ids_of(change))
        sources.apply(change, codes[at : at + count])
        at += count
    final = np.flatnonzero(sources.exists & (sources.last >= 0))
    final = final[np.argsort(sources.last[final], kind="stable")]
    vectors = [SparseVectors.from_dicts([], rules.dimension)]
    vectors += [change.vectors for change in changes if isinstance(change, Upsert | FieldPatch)]
    tables = [change.documents for change in changes if not isinstance(change, Delete)]
    return Combined(
        ids,
        _vectors(SparseVectors.concatenate(vectors), sources, final, numbers, rules, source),
        _documents(tables, sources, final, ids, numbers, rules, source),
    )


def _vectors(
    given: SparseVectors,
    sources: _Sources,
    final: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    rules: Rules,
    source: Source,
) -> SparseVectors:
    rows, stored = sources.vector[final], np.flatnonzero(sources.vector[final] == STORED)
    rows[stored] = len(given) + np.arange(len(stored))
    together = SparseVectors.concatenate([given, source.vectors(numbers[final[stored]])])
    whole = reordered(together, rows.astype(np.uint32))
    if not sources.fields:
        return whole
    assert isinstance(rules.vocabulary, JoinedVocabulary)
    places = np.full(len(sources.exists), -1)
    places[final] = np.arange(len(final))
    writes = [write.of(places) for write in sources.fields]
    return patched_vectors(whole, given, writes, sources.whole[final], rules.vocabulary, source.storage)


def _documents(
    tables: Sequence[pa.Table],
    sources: _Sources,
    final: npt.NDArray[np.int64],
    ids: pa.Array,
    numbers: npt.NDArray[np.int64],
    rules: Rules,
    source: Source,
) -> pa.Table:
    """Return the final documents, each value from its row of the tables or from what is stored."""
    keeps = np.zeros(len(final), bool)
    for rows in sources.columns.values():
        keeps |= rows[final] == STORED
    stored = np.flatnonzero(keeps)
    given = [with_schema(table, rules.schema) for table in tables]
    every = pa.concat_tables([*given, source.rows(numbers[final[stored]])])
    place = np.zeros(len(final), np.int64)
    place[stored] = len(every) - len(stored) + np.arange(len(stored))
    columns = [ids.take(pa.array(final))]
    for name, rows in sources.columns.items():
        chosen = np.where(rows[final] == STORED, place, rows[final])
        columns.append(every[name].take(pa.array(chosen, mask=chosen == NULL)))
    return pa.Table.from_arrays(columns, schema=rules.schema)
