"""Texts as the input of an upsert."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from seismic.builder.texts import TEXT, documents_of
from seismic.changes.rules import Rules
from seismic.conversion.tables import TableLike
from seismic.documents.chunked import chunk_id, cut_documents
from seismic.encoders import Encoder, extend_bm25, joined, load_recorded
from seismic.errors import InputError
from seismic.vectors import SparseVectors


class TextsInput(NamedTuple):
    """Vectors and documents of texts, and what they were encoded with. ``parents``: ids of those cut into chunks."""

    vectors: SparseVectors
    documents: pa.Table
    encoder: Encoder
    parents: pa.Array
    first_ids: list[Any]
    """Ids that conditions are about: of a document in chunks, that of the first."""


def encoded_for(rules: Rules, texts: Any, ids: Sequence[Any] | None, documents: TableLike | None) -> TextsInput:
    """Encode texts as the collection prescribes. Raises InputError or EncoderError."""
    entry = rules.encoder
    if entry is None:
        several = "several fields; give vectors by field" if len(rules.fields) > 1 else "no encoder; give vectors"
        raise InputError(f"texts: this collection has {several}")
    if TEXT not in entry.fields:
        raise InputError(f"texts: this collection encodes {', '.join(entry.fields)}, expected the column '{TEXT}'")
    table = documents_of(texts, ids, documents, numbered=False)
    encoder = load_recorded(entry, rules.vocabulary)
    parents, firsts = pa.array([], pa.string()), table["id"].to_pylist()
    columns = [field for field in entry.fields if field in table.column_names]
    if entry.chunks is None:
        passages = [joined(row) for row in zip(*(table[name].to_pylist() for name in columns), strict=True)]
    else:
        parents, firsts = table["id"].cast(pa.string()).combine_chunks(), [chunk_id(one, 0) for one in firsts]
        table, _, passages = cut_documents(table, columns, encoder.locate, entry.chunks)
    if entry.bm25 is not None and rules.grows:
        fitted = extend_bm25(encoder, passages)
        return TextsInput(fitted.vectors, table, fitted.encoder, parents, firsts)
    return TextsInput(encoder.encode_documents(passages).vectors, table, encoder, parents, firsts)
