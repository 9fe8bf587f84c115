"""Changes of a collection: checked against its rules, and encoded as the bodies of log records.

A record's body is a sequence of changes, each one byte of kind, 8 bytes of length, and an Arrow IPC stream. An upsert
has the columns `indices` and `values`, then the document columns; one of vectors has only the column `id` of those. A
delete has the column `id`. The metadata of an upsert names the vocabulary and the encoder it was made with: a
generation with others refuses it, because its components would mean other tokens.

A patch has the column `id` and the columns to set; null unsets a value. A patch of fields has the columns of an upsert
of vectors; its metadata also names the fields.

Changes of the rules precede the upserts that need them. One of columns has no rows: its schema has the new or wider
columns. One of growth has the new tokens, none without a vocabulary, in the column `token`; its metadata has the
dimension `first` before and the `dimension` after it.
"""

import reprlib
import struct
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from seismic.changes.evolution import evolution
from seismic.changes.patches import FieldPatch, Patch, check_field_patch, check_patch, column_of
from seismic.changes.rules import Columns, Growth, Rules, rules_of
from seismic.documents.casting import cast_column
from seismic.documents.table import check_documents
from seismic.errors import InputError, VectorError
from seismic.vectors import SparseVectors

__all__ = [
    "Change",
    "Columns",
    "Delete",
    "FieldPatch",
    "Growth",
    "Patch",
    "Rules",
    "Upsert",
    "check_delete",
    "check_upsert",
    "decode",
    "decode_rules",
    "encode",
    "following",
    "ids_of",
    "named_ids",
    "record_format",
    "rules_of",
    "split_by_payload",
    "stored_column",
    "upsert_changes",
]

_HEAD = struct.Struct("<BQ")
_UPSERT, _DELETE, _VECTORS, _PATCH, _COLUMNS, _GROWTH, _FIELDS = 1, 2, 3, 4, 5, 6, 7

_WITH_VECTORS = frozenset({_UPSERT, _VECTORS, _FIELDS})

_EVOLUTIONS = frozenset({_COLUMNS, _GROWTH})

FIRST_KINDS = frozenset({_UPSERT, _DELETE, _VECTORS})
"""Kinds of changes that every release knows; records with others have a later format."""


class Upsert(NamedTuple):
    """Documents to insert, or to replace by id; `documents` has one row per vector.

    ``keeps_payload``: `documents` has only ids. Documents keep their payload; new ones get nulls.
    """

    vectors: SparseVectors
    documents: pa.Table
    keeps_payload: bool = False


class Delete(NamedTuple):
    """Ids of the documents to remove; unknown ids are ignored."""

    ids: pa.Array


Change: TypeAlias = Upsert | Delete | Patch | FieldPatch | Columns | Growth


def upsert_changes(vectors: SparseVectors, documents: pa.Table, rules: Rules) -> list[Change]:
    """Return an upsert after the changes of the rules that it needs. Raises InputError as `check_upsert` does."""
    table = check_documents(documents, len(vectors))
    needed = evolution(vectors, table, rules)
    return [*needed, _upsert(vectors, table, rules.after(needed))]


def following(rules: Rules, changes: Sequence[Change]) -> Rules:
    """Return the rules for changes that follow these in the same record."""
    tables = [change.documents for change in changes if isinstance(change, Upsert | Patch)]

    def stored(name: str) -> Iterator[pa.ChunkedArray]:
        yield from rules.stored(name)
        yield from (table[name] for table in tables if name in table.column_names)

    return rules.after(changes)._replace(stored=stored)


def check_upsert(vectors: SparseVectors, documents: pa.Table, rules: Rules) -> Upsert:
    """Return an upsert that follows the rules. Errors name row and field.

    Without any payload column, documents keep the payload they have. Otherwise missing columns are null.
    """
    return _upsert(vectors, check_documents(documents, len(vectors)), rules)


def _upsert(vectors: SparseVectors, table: pa.Table, rules: Rules) -> Upsert:
    if vectors.dimension > rules.dimension:
        wrong = np.flatnonzero(vectors.components >= rules.dimension)
        if len(wrong):
            raise VectorError(
                f"found component {vectors.components[wrong[0]]}, expected components below the dimension "
                f"{rules.dimension}{'' if rules.vocabulary is None else ', the number of tokens of the vocabulary'}",
                row=int(np.searchsorted(vectors.indptr, wrong[0], side="right")) - 1,
                field="indices",
            )
    for name in table.column_names:
        if name not in rules.schema.names:
            known = ", ".join(rules.schema.names)
            raise InputError(f"documents: found column '{name}', expected those of the collection ({known})")
    payload = list(rules.schema)[1:]
    keeps_payload = table.column_names == ["id"] and len(payload) > 0 and all(field.nullable for field in payload)
    schema = pa.schema([rules.schema.field("id")]) if keeps_payload else rules.schema
    columns = [column_of(table, field) for field in schema]
    widened = SparseVectors.trusted(vectors.indptr, vectors.components, vectors.values, rules.dimension)
    return Upsert(widened, pa.Table.from_arrays(columns, schema=schema), keeps_payload)


def split_by_payload(upsert: Upsert, given: npt.NDArray[np.bool_]) -> list[Upsert]:
    """Split an upsert into the rows whose payload is given, and the rows that keep their stored one."""
    if given.all() or upsert.keeps_payload or len(upsert.documents.schema) == 1:
        return [upsert]
    parts = []
    for keeps in (False, True):
        rows = np.flatnonzero(given != keeps)
        if len(rows):
            vectors = SparseVectors.concatenate([upsert.vectors.slice(row, row + 1) for row in rows.tolist()])
            documents = upsert.documents.take(pa.array(rows))
            parts.append(Upsert(vectors, documents.select(["id"]) if keeps else documents, keeps))
    return parts


def check_delete(ids: pa.Array | Sequence[Any], rules: Rules) -> Delete:
    """Return a delete of ids. Raises InputError if they do not have the collection's type."""
    field = rules.schema.field("id")
    if not isinstance(ids, pa.Array | pa.ChunkedArray):
        ids = _ids(ids, field.type)
    column = cast_column(ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([ids]), field, "ids")
    if column.null_count:
        raise InputError("ids: found null, expected an id")
    return Delete(column.combine_chunks())


def _ids(ids: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return the ids as a column of that type. Raises InputError for the first that does not fit."""
    if isinstance(ids, str):  # also a sequence, of one-letter ids
        raise InputError(f"ids: found {reprlib.repr(ids)}, expected a list of ids")
    try:
        ids = list(ids)
    except TypeError:
        raise InputError(f"ids: found {reprlib.repr(ids)}, expected a list of ids") from None
    wanted, expected = (Integral, "an integer") if pa.types.is_integer(kind) else (str, "a string")
    for one in ids:
        if not (one is None or isinstance(one, wanted)) or isinstance(one, bool):
            raise InputError(f"ids: found {reprlib.repr(one)}, expected {expected}, as ids of this collection are")
    try:
        return pa.array(ids, kind)
    except UnicodeEncodeError as error:
        raise InputError(f"ids: found {reprlib.repr(error.object)}, expected valid Unicode") from None
    except (pa.ArrowException, OverflowError):  # of integers
        ends = np.iinfo(kind.to_pandas_dtype())
        beyond = next(one for one in ids if not (one is None or ends.min <= one <= ends.max))
        raise InputError(f"ids: found {beyond}, expected {kind}, as ids of this collection are") from None


def encode(changes: Sequence[Change], rules: Rules) -> bytes:
    """Encode changes as a record's body; `rules` are those before the first change."""
    parts: list[bytes | memoryview] = []
    for change in changes:
        rules = rules.after([change])
        if isinstance(change, Upsert):
            kind, table = _VECTORS if change.keeps_payload else _UPSERT, _table(change)
            table = table.replace_schema_metadata(rules.metadata(change.vectors))
        elif isinstance(change, FieldPatch):
            metadata = {**rules.metadata(change.vectors), b"fields": orjson.dumps(change.fields)}
            kind, table = _FIELDS, _table(change).replace_schema_metadata(metadata)
        elif isinstance(change, Patch):
            kind, table = _PATCH, change.documents
        elif isinstance(change, Columns):
            kind, table = _COLUMNS, change.schema.empty_table()
        elif isinstance(change, Growth):
            ends = {"first": str(change.first), "dimension": str(change.dimension)}
            kind, table = _GROWTH, pa.table({"token": change.tokens}).replace_schema_metadata(ends)
        else:
            kind, table = _DELETE, pa.table({"id": change.ids})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        stream = sink.getvalue()
        parts += [_HEAD.pack(kind, stream.size), memoryview(stream)]
    return b"".join(parts)


def decode(body: bytes, rules: Rules) -> tuple[list[Change], Rules]:
    """Return the changes of a record's body, checked again, and the rules after them.

    Raises InputError if they do not follow the rules.
    """
    changes: list[Change] = []
    for kind, stream in _streams(body):
        table = _read(stream)
        if kind in _EVOLUTIONS:
            changes.append(_evolution(kind, table))
            rules = rules.after(changes[-1:])
        elif kind == _DELETE:
            changes.append(check_delete(table["id"], rules))
        elif kind == _PATCH:
            changes.append(check_patch(table, rules))
        else:
            metadata = table.schema.metadata or {}
            lists = pa.Table.from_arrays(table.columns[:2], ["indices", "values"])
            vectors = SparseVectors.from_arrow(lists, rules.dimension)
            documents = pa.Table.from_arrays(table.columns[2:], schema=pa.schema(list(table.schema)[2:]))
            if kind == _FIELDS:
                changes.append(check_field_patch(vectors, documents, orjson.loads(metadata[b"fields"]), rules))
            else:
                changes.append(check_upsert(vectors, documents, rules))
            rules.check_metadata(metadata)
    return changes, rules


def ids_of(change: Upsert | Delete | Patch | FieldPatch) -> pa.Array:
    """Return the ids that a change names."""
    return change.ids if isinstance(change, Delete) else change.documents["id"].combine_chunks()


def named_ids(body: bytes) -> Iterator[pa.ChunkedArray]:
    """Yield the ids that the changes of a record name."""
    for kind, stream in _streams(body):
        if kind not in _EVOLUTIONS:
            yield _read(stream)["id"]


def decode_rules(body: bytes, rules: Rules) -> Rules:
    """Return the rules after a record, of which only changes of the rules are read. Raises InputError."""
    return rules.after(_evolution(kind, _read(stream)) for kind, stream in _streams(body) if kind in _EVOLUTIONS)


def stored_column(body: bytes, name: str) -> Iterator[pa.ChunkedArray]:
    """Yield the values that a record's upserts have in a column."""
    for kind, stream in _streams(body):
        if kind not in _EVOLUTIONS:
            table = _read(stream)
            documents = (
                pa.Table.from_arrays(table.columns[2:], table.column_names[2:]) if kind in _WITH_VECTORS else table
            )
            if name in documents.column_names:
                yield documents[name]


def record_format(body: bytes) -> int:
    """Return the format of a record in the log: 1 if every release knows its kinds of changes."""
    return 1 if all(kind in FIRST_KINDS for kind, _ in _streams(body)) else 2


def _streams(body: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield the kind and the Arrow stream of each change."""
    offset, whole = 0, memoryview(body)
    while offset < len(body):
        kind, length = _HEAD.unpack_from(body, offset)
        offset += _HEAD.size
        yield kind, whole[offset : offset + length]
        offset += length


def _read(stream: memoryview) -> pa.Table:
    try:
        return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()
    except pa.ArrowException as error:
        raise InputError(f"the change is not an Arrow stream ({error})") from None


def _evolution(kind: int, table: pa.Table) -> Columns | Growth:
    if kind == _COLUMNS:
        return Columns(table.schema)
    ends = table.schema.metadata
    return Growth(int(ends[b"first"]), int(ends[b"dimension"]), table["token"].combine_chunks())


def _table(change: Upsert | FieldPatch) -> pa.Table:
    vectors = change.vectors
    starts = pa.array(vectors.indptr)
    lists = [pa.LargeListArray.from_arrays(starts, pa.array(array)) for array in (vectors.components, vectors.values)]
    fields = [pa.field("indices", lists[0].type), pa.field("values", lists[1].type), *change.documents.schema]
    return pa.Table.from_arrays([*lists, *change.documents.columns], schema=pa.schema(fields))
