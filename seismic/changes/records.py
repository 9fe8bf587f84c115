"""Changes of a collection: checked against its rules, and encoded as the bodies of log records.

A record's body is a sequence of changes, each one byte of kind, 8 bytes of length, and an Arrow IPC stream. An upsert
has the columns `indices` and `values`, then the document columns; a delete has the column `id`.
"""

import reprlib
import struct
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from seismic.documents.table import check_documents
from seismic.encoders import EncoderEntry
from seismic.errors import InputError, VectorError
from seismic.store.manifest import Manifest
from seismic.vectors import SparseVectors

_HEAD = struct.Struct("<BQ")
_UPSERT, _DELETE = 1, 2


class Upsert(NamedTuple):
    """Documents to insert, or to replace by id; `documents` has one row per vector."""

    vectors: SparseVectors
    documents: pa.Table


class Delete(NamedTuple):
    """Ids of the documents to remove; unknown ids are ignored."""

    ids: pa.Array


Change: TypeAlias = Upsert | Delete


class Rules(NamedTuple):
    """Rules for every document of a collection: components are below `dimension`, columns have the types of `schema`,
    and vectors of texts come from `encoder`."""

    dimension: int
    schema: pa.Schema
    encoder: EncoderEntry | None = None


def rules_of(manifest: Manifest, schema: pa.Schema) -> Rules:
    """Return the rules of a generation whose documents.arrow has this schema. The log stores dictionaries as values."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
    ]
    return Rules(manifest.dimension, pa.schema(fields), manifest.encoder)


def check_upsert(vectors: SparseVectors, documents: pa.Table, rules: Rules) -> Upsert:
    """Return an upsert that follows the rules; missing columns are null. Errors name row and field."""
    if vectors.dimension > rules.dimension:
        wrong = np.flatnonzero(vectors.components >= rules.dimension)
        if len(wrong):
            raise VectorError(
                f"found component {vectors.components[wrong[0]]}, expected components below the dimension "
                f"{rules.dimension}",
                row=int(np.searchsorted(vectors.indptr, wrong[0], side="right")) - 1,
                field="indices",
            )
    table = check_documents(documents, len(vectors))
    for name in table.column_names:
        if name not in rules.schema.names:
            known = ", ".join(rules.schema.names)
            raise InputError(f"documents: found column '{name}', expected those of the collection ({known})")
    columns = [_column(table, field) for field in rules.schema]
    kept = SparseVectors.trusted(vectors.indptr, vectors.components, vectors.values, rules.dimension)
    return Upsert(kept, pa.Table.from_arrays(columns, schema=rules.schema))


def check_delete(ids: pa.Array | Sequence[Any], rules: Rules) -> Delete:
    """Return a delete of ids. Raises InputError if they do not have the collection's type."""
    field = rules.schema.field("id")
    if not isinstance(ids, pa.Array | pa.ChunkedArray):
        ids = _ids(ids, field.type)
    column = _cast(pa.chunked_array(ids) if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([ids]), field)
    if column.null_count:
        raise InputError("ids: found null, expected an id")
    return Delete(column.combine_chunks())


def _ids(ids: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return the ids as a column of that type. Raises InputError for the first that does not fit."""
    if isinstance(ids, str):  # also a sequence, of one-letter ids
        raise InputError(f"ids: found {reprlib.repr(ids)}, expected a list of ids")
    wanted, expected = (Integral, "an integer") if pa.types.is_integer(kind) else (str, "a string")
    for one in ids:
        if not (one is None or isinstance(one, wanted)) or isinstance(one, bool):
            raise InputError(f"ids: found {reprlib.repr(one)}, expected {expected}, as ids of this collection are")
    try:
        return pa.array(ids, kind)
    except (pa.ArrowException, OverflowError):  # of integers
        ends = np.iinfo(kind.to_pandas_dtype())
        beyond = next(one for one in ids if not (one is None or ends.min <= one <= ends.max))
        raise InputError(f"ids: found {beyond}, expected {kind}, as ids of this collection are") from None


def encode(changes: Sequence[Change]) -> bytes:
    """Encode changes as a record's body."""
    parts: list[bytes | memoryview] = []
    for change in changes:
        kind, table = (
            (_UPSERT, _table(change)) if isinstance(change, Upsert) else (_DELETE, pa.table({"id": change.ids}))
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        stream = sink.getvalue()
        parts += [_HEAD.pack(kind, stream.size), memoryview(stream)]
    return b"".join(parts)


def decode(body: bytes, rules: Rules) -> Iterator[Change]:
    """Yield the changes of a record's body, checked again. Raises InputError if they do not follow the rules."""
    offset = 0
    while offset < len(body):
        kind, length = _HEAD.unpack_from(body, offset)
        offset += _HEAD.size
        try:
            table = pa.ipc.open_stream(pa.py_buffer(body)[offset : offset + length]).read_all()
        except pa.ArrowException as error:
            raise InputError(f"the change is not an Arrow stream ({error})") from None
        offset += length
        if kind == _DELETE:
            yield check_delete(table["id"], rules)
        else:
            vectors = pa.Table.from_arrays(table.columns[:2], ["indices", "values"])
            documents = pa.Table.from_arrays(table.columns[2:], schema=pa.schema(list(table.schema)[2:]))
            yield check_upsert(SparseVectors.from_arrow(vectors, rules.dimension), documents, rules)


def _table(change: Upsert) -> pa.Table:
    vectors = change.vectors
    starts = pa.array(vectors.indptr)
    lists = [pa.LargeListArray.from_arrays(starts, pa.array(array)) for array in (vectors.components, vectors.values)]
    fields = [pa.field("indices", lists[0].type), pa.field("values", lists[1].type), *change.documents.schema]
    return pa.Table.from_arrays([*lists, *change.documents.columns], schema=pa.schema(fields))


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    else:
        column = _cast(table[field.name], field)
    if column.null_count and not field.nullable:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InputError(f"documents: row {row}, field '{field.name}': found null, expected {field.type}")
    return column


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Cast the column to the collection's type: numbers may change width, but nothing becomes text or is rounded."""
    found = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if column.type == field.type:
        return column
    try:
        pa.unify_schemas([pa.schema([("", found)]), pa.schema([("", field.type)])], promote_options="permissive")
    except pa.ArrowException:
        raise InputError(f"documents: field '{field.name}': found {found}, expected {field.type}") from None
    try:
        return column.cast(field.type)
    except pa.ArrowException:
        row = next(row for row in range(len(column)) if not _fits(column.slice(row, 1), field.type))
        raise InputError(
            f"documents: row {row}, field '{field.name}': found {column[row].as_py()!r}, expected {field.type}"
        ) from None


def _fits(column: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        column.cast(kind)
    except pa.ArrowException:
        return False
    return True
