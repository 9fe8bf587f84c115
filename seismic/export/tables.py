"""Read the documents of a scope as Arrow tables, a bounded part at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.documents.widening import with_schema
from seismic.errors import CorruptIndexError, ParameterError
from seismic.fields.entry import FieldEntry
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.vectors import INDICES, VALUES
from seismic.search.codes import narrowed
from seismic.stop import current
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

CHUNK_ROWS = 1 << 14
"""Most documents of a table."""

FIRST_ROWS = 256
"""Documents of the first table where their size is not known."""

CHUNK_BYTES = 1 << 24
"""Bytes of a table, about: those of documents that are larger than the mean are not known before."""

ENTRY_BYTES = 8
"""Bytes of a component with its value."""

METADATA = b"seismic"
"""Key of the schema's metadata: what the columns do not say."""

AsVectors: TypeAlias = bool | Literal["tokens"]
"""The form of vectors: True as `indices` and `values`, "tokens" as a map from token to value, False for none."""

_INDICES, _VALUES = pa.field("indices", pa.list_(pa.uint32())), pa.field("values", pa.list_(pa.float32()))
_TOKENS = pa.field("tokens", pa.map_(pa.string(), pa.float32()))


class Selection(NamedTuple):
    """What is taken out: the documents of a scope of a view, some columns, and vectors in some form.

    ``numbers``: those of the documents, where the shards of the view are elsewhere; None for all of the scope.
    """

    view: View
    scope: Scope
    documents: pa.Schema
    vectors: AsVectors
    numbers: npt.NDArray[np.int64] | None = None

    @property
    def size(self) -> int:
        """Return the number of documents."""
        return self.scope.count if self.numbers is None else len(self.numbers)

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of the tables. Its metadata has the dimension, and the state of the collection."""
        view = self.view
        described = {
            "dimension": view.dimension,
            "generation": view.manifest.generation,
            "sequence": view.log_end.sequence,
        }
        return pa.schema(
            [*self.documents, *vector_fields(view, self.vectors)], metadata={METADATA: orjson.dumps(described)}
        )


def vector_fields(view: View, vectors: AsVectors) -> list[pa.Field]:
    """Return the columns of vectors in a form. With several fields, each has two, of tokens if it has tokens."""
    if isinstance(view.vocabulary, JoinedVocabulary) and vectors:
        return [column for field in view.fields for column in _columns_of(field)]
    return [_TOKENS] if vectors == "tokens" else [_INDICES, _VALUES] if vectors else []


def _columns_of(field: FieldEntry) -> list[pa.Field]:
    kind = pa.uint32() if field.numbered else pa.string()
    return [
        pa.field(f"{field.name}{INDICES}", pa.list_(kind)),
        pa.field(f"{field.name}{VALUES}", pa.list_(pa.float32())),
    ]


def select(
    view: View,
    scope: Scope,
    numbers: npt.NDArray[np.int64] | None = None,
    columns: Sequence[str] | None = None,
    vectors: AsVectors = True,
) -> Selection:
    """Choose what to take out. `numbers`: of documents, `columns`: of the payload; None for all.

    Raises ParameterError.
    """
    if not (isinstance(vectors, bool) or vectors == "tokens"):
        raise ParameterError(f"with_vectors is {excerpt(vectors)}, expected True, False or 'tokens'")
    if vectors == "tokens" and view.vocabulary is None:
        raise ParameterError("with_vectors: this collection has no vocabulary, so no tokens; use True or False")
    schema = view.rules.schema
    if isinstance(columns, str) or not (columns is None or isinstance(columns, Sequence)):
        raise ParameterError(f"columns is {excerpt(columns)}, expected a list of column names")
    known = [name for name in schema.names if name != "id"]
    for name in columns or ():
        if name not in known:
            has = ", ".join(known) or "no payload columns"
            raise ParameterError(f"unknown payload column {excerpt(name)}; this collection has {has}")
    chosen = known if columns is None else list(dict.fromkeys(columns))
    for field in vector_fields(view, vectors):
        if field.name in chosen:
            raise ParameterError(
                f"found a payload column '{field.name}', which is the name of a column of vectors; name the columns to "
                "export without it, or export without vectors"
            )
    documents = pa.schema([schema.field(name) for name in ("id", *chosen)])
    if numbers is not None and not view.here:
        known_numbers = np.unique(numbers)
        return Selection(view, scope, documents, vectors, known_numbers[view.contains(scope, known_numbers)])
    if numbers is not None:
        wanted = np.zeros(view.documents.count, bool)
        wanted[numbers] = True
        scope = narrowed(view, scope, np.split(wanted, view.firsts[1:-1]))
    return Selection(view, scope, documents, vectors)


def read_tables(selection: Selection) -> Iterator[pa.Table]:
    """Yield the documents in the order of their numbers, as tables of `selection.schema`.

    Raises CorruptIndexError for damaged data, StoppedError or DeadlineError.
    """
    if not selection.view.here:
        yield from _fetched(selection)
        return
    for shard, part in zip(selection.view.shards, selection.scope.parts, strict=True):
        if part.count:
            yield from _of_shard(selection, shard, _allowed(shard, part))


def _fetched(selection: Selection) -> Iterator[pa.Table]:
    """Yield documents whose shards are elsewhere, as many at a time as fit into a table by the size of those before."""
    view, rows, start = selection.view, FIRST_ROWS, 0
    numbers = view.numbers(selection.scope) if selection.numbers is None else selection.numbers
    while start < len(numbers):
        current().check()
        part = numbers[start : start + rows]
        documents = view.rows(part, selection.documents.names).select(selection.documents.names)
        columns = documents.cast(selection.documents).combine_chunks().columns
        if selection.vectors:
            columns += _vectors_of(selection, view.vectors(part))
        table = pa.Table.from_arrays(columns, schema=selection.schema)
        yield table
        start += len(part)
        rows = max(1, min(CHUNK_ROWS, CHUNK_BYTES * len(part) // max(1, table.nbytes)))


def _allowed(shard: LiveShard, part: Part) -> npt.NDArray[np.bool_]:
    """Return which documents are in the scope, bool [documents], by number."""
    allowed = np.ones(len(shard), bool)
    if len(part.allowed):
        allowed[shard.shard.shared.numbers] = np.unpackbits(part.allowed, count=len(shard), bitorder="little")
    return allowed


def _of_shard(selection: Selection, shard: LiveShard, allowed: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
    nnz, first = shard.shard.entry.nnz // len(shard) + 1, 0
    for batch in shard.shard.documents.select(list(filter(shard.has, selection.documents.names))).to_batches():
        row_bytes = batch.nbytes // max(1, len(batch)) + ENTRY_BYTES * nnz
        rows = max(1, min(CHUNK_ROWS, CHUNK_BYTES // row_bytes))
        for start in range(0, len(batch), rows):
            current().check()
            part = batch.slice(start, rows)
            chosen = allowed[first + start : first + start + len(part)]
            if chosen.any():
                numbers = np.flatnonzero(chosen) + first + start
                yield _table(selection, part.filter(pa.array(chosen)), shard, numbers)
        first += len(batch)


def _table(
    selection: Selection, documents: pa.RecordBatch, shard: LiveShard, numbers: npt.NDArray[np.int64]
) -> pa.Table:
    try:
        documents.validate(full=True)
    except pa.ArrowException as error:
        raise CorruptIndexError(f"{shard.shard.entry.folder}/documents.arrow: {error}; see `seismic verify`") from None
    columns = with_schema(pa.table(documents), selection.documents).columns
    if selection.vectors:
        vectors = shard.vectors(numbers, selection.view.dimension)
        columns += _vectors_of(selection, vectors)
    return pa.Table.from_arrays(columns, schema=selection.schema)


def _vectors_of(selection: Selection, vectors: SparseVectors) -> list[Any]:
    view, vocabulary = selection.view, selection.view.vocabulary
    if not isinstance(vocabulary, JoinedVocabulary):
        return _tokens(view, vectors) if selection.vectors == "tokens" else _lists(vectors)
    columns, apart = [], vocabulary.apart(vectors)
    for field in vocabulary.fields:
        own = apart[field.name]
        indices, values = _lists(own)
        if not field.numbered:
            tokens = vocabulary.parts[field.name].vocabulary.tokens.take(pa.array(own.components)).cast(pa.string())
            indices = pa.ListArray.from_arrays(indices.offsets, tokens)
        columns += [indices, values]
    return columns


def _lists(vectors: SparseVectors) -> list[Any]:
    starts = pa.array(vectors.indptr, pa.int32())
    return [
        pa.ListArray.from_arrays(starts, pa.array(vectors.components, pa.uint32())),
        pa.ListArray.from_arrays(starts, pa.array(vectors.values)),
    ]


def _tokens(view: View, vectors: SparseVectors) -> list[Any]:
    assert view.vocabulary is not None
    keys = view.vocabulary.tokens.take(pa.array(vectors.components)).cast(pa.string())
    return [pa.MapArray.from_arrays(pa.array(vectors.indptr, pa.int32()), keys, pa.array(vectors.values))]
