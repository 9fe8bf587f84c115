"""Changes of a collection: checked against its rules, and encoded as the bodies of log records.

A record's body is a sequence of changes, each one byte of kind, 8 bytes of length, and an Arrow IPC stream. An upsert
has the columns `indices` and `values`, then the document columns; one of vectors has only the column `id` of those. A
delete has the column `id`. The metadata of an upsert names the vocabulary and the encoder it was made with: a
generation with others refuses it, because its components would mean other tokens.
"""

import reprlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from seismic.documents.casting import cast_column
from seismic.documents.table import check_documents
from seismic.encoders import EncoderEntry
from seismic.errors import InputError, VectorError
from seismic.store.manifest import Manifest
from seismic.vectors import SparseVectors
from seismic.vocabulary import Vocabulary

_HEAD = struct.Struct("<BQ")
_UPSERT, _DELETE, _VECTORS = 1, 2, 3

NONE, SHOWN = "none", 12
"""The hash of a missing vocabulary or encoder, and the digits of a hash that errors show."""

NAMED_TOKENS = 16
"""Tokens in the metadata of a change, for the error that reports another vocabulary."""


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


Change: TypeAlias = Upsert | Delete


class Rules(NamedTuple):
    """Rules for every document of a collection: components are below `dimension` and mean the tokens of `vocabulary`,
    columns have the types of `schema`, and vectors of texts come from `encoder`."""

    dimension: int
    schema: pa.Schema
    encoder: EncoderEntry | None = None
    vocabulary: Vocabulary | None = None

    def check_origin(self, vocabulary: Vocabulary | None = None, encoder: EncoderEntry | None = None) -> None:
        """Raise InputError if vectors made with this vocabulary or encoder do not fit the collection's."""
        if vocabulary is not None and vocabulary.hash != _hash_of(self.vocabulary):
            tokens = _tokens_at(vocabulary, range(len(vocabulary)))
            raise InputError(f"{self._other_vocabulary(vocabulary.hash, tokens)}; map the tokens again")
        if encoder is not None and encoder.hash != _hash_of(self.encoder):
            raise InputError(self._other_encoder(encoder.hash))

    def check_metadata(self, metadata: dict[bytes, bytes]) -> None:
        """Raise InputError if a change was made with another vocabulary or encoder. Older changes do not name them."""
        vocabulary = metadata.get(b"vocabulary", b"").decode()
        if vocabulary and vocabulary != _hash_of(self.vocabulary):
            named = {int(component): token for component, token in orjson.loads(metadata[b"tokens"]).items()}
            raise InputError(self._other_vocabulary(vocabulary, named))
        encoder = metadata.get(b"encoder", b"").decode()
        if encoder and encoder != _hash_of(self.encoder):
            raise InputError(self._other_encoder(encoder))

    def metadata(self, vectors: SparseVectors) -> dict[bytes, bytes]:
        """Return what identifies the vocabulary and the encoder of a change."""
        components = np.unique(vectors.components[: 4 * NAMED_TOKENS])[:NAMED_TOKENS].tolist()
        tokens = _tokens_at(self.vocabulary, components) if self.vocabulary else {}
        return {
            b"vocabulary": _hash_of(self.vocabulary).encode(),
            b"encoder": _hash_of(self.encoder).encode(),
            b"tokens": orjson.dumps({str(component): token for component, token in tokens.items()}),
        }

    def _other_vocabulary(self, found: str, tokens: Mapping[int, str | None]) -> str:
        expected, ours = _hash_of(self.vocabulary), self.vocabulary
        differing = next((c for c, token in tokens.items() if ours is None or ours.token(c) != token), None)
        example = ""
        if differing is not None:
            here = None if ours is None else ours.token(differing)
            example = f": component {differing} is {tokens[differing]!r} there and {here!r} here"
        return f"found vocabulary {found[:SHOWN]}, expected {expected[:SHOWN]}, the collection's{example}"

    def _other_encoder(self, found: str) -> str:
        ours = self.encoder
        expected = NONE if ours is None else f"{ours.hash[:SHOWN]} ('{ours.name}')"
        return f"found encoder {found[:SHOWN]}, expected {expected}, the collection's"


def rules_of(manifest: Manifest, schema: pa.Schema, vocabulary: Vocabulary | None) -> Rules:
    """Return the rules of a generation whose documents.arrow has this schema. The log stores dictionaries as values."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
    ]
    return Rules(manifest.dimension, pa.schema(fields), manifest.encoder, vocabulary)


def _hash_of(made_with: Vocabulary | EncoderEntry | None) -> str:
    return NONE if made_with is None else made_with.hash


def _tokens_at(vocabulary: Vocabulary, components: Iterable[int]) -> dict[int, str | None]:
    return {component: vocabulary.token(component) for component in components}


def check_upsert(vectors: SparseVectors, documents: pa.Table, rules: Rules) -> Upsert:
    """Return an upsert that follows the rules. Errors name row and field.

    Without any payload column, documents keep the payload they have. Otherwise missing columns are null.
    """
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
    payload = list(rules.schema)[1:]
    keeps_payload = table.column_names == ["id"] and len(payload) > 0 and all(field.nullable for field in payload)
    schema = pa.schema([rules.schema.field("id")]) if keeps_payload else rules.schema
    columns = [_column(table, field) for field in schema]
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
    """Encode changes as a record's body."""
    parts: list[bytes | memoryview] = []
    for change in changes:
        if isinstance(change, Upsert):
            kind, table = _VECTORS if change.keeps_payload else _UPSERT, _table(change)
            table = table.replace_schema_metadata(rules.metadata(change.vectors))
        else:
            kind, table = _DELETE, pa.table({"id": change.ids})
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
            upsert = check_upsert(SparseVectors.from_arrow(vectors, rules.dimension), documents, rules)
            rules.check_metadata(table.schema.metadata or {})
            yield upsert


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
        column = cast_column(table[field.name], field, "documents")
    if column.null_count and not field.nullable:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InputError(f"documents: row {row}, field '{field.name}': found null, expected {field.type}")
    return column
