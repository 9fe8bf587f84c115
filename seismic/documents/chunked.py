"""Documents cut into chunks, each a document with the payload of the whole one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.encoders import Chunking, Locate, chunks_of, joined
from seismic.encoders.chunks import CHUNK, COLUMNS, END, PARENT, START
from seismic.errors import VectorError

CHUNK_COLUMNS = {PARENT: pa.string(), CHUNK: pa.int64(), START: pa.int64(), END: pa.int64()}
"""Columns of chunks and their types."""

SEPARATOR = "#"
"""Between the id of a document and the number of a chunk, in the id of the chunk."""


class Chunked(NamedTuple):
    """Chunks of documents: their table, the row of each one's document int64 [n], and the texts to encode."""

    documents: pa.Table
    rows: npt.NDArray[np.int64]
    texts: list[str]


def chunk_id(parent: object, number: int) -> str:
    """Return the id of a chunk."""
    return f"{parent}{SEPARATOR}{number}"


def cut_documents(documents: pa.Table, fields: Sequence[str], locate: Locate, chunking: Chunking) -> Chunked:
    """Cut the last of the encoded columns of documents; the others stand before the text of every chunk.

    A document without a text is one chunk. Raises VectorError for missing columns, those that are not text, and those
    that only chunks may have.
    """
    for name in COLUMNS:
        if name in documents.column_names:
            raise VectorError("chunks have a column of this name; rename it, or leave out the option chunk", field=name)
    *before, last = fields
    heads = [_texts(documents, name) for name in before if name in documents.column_names]
    rows, numbers, starts, ends = list[int](), list[int](), list[int](), list[int]()
    parts: list[str | None] = []
    for row, text in enumerate(_texts(documents, last)):
        for number, chunk in enumerate(chunks_of(text or "", locate, chunking)):
            rows.append(row)
            numbers.append(number)
            starts.append(chunk.start)
            ends.append(chunk.end)
            parts.append(None if text is None else chunk.text)
    taken = documents.take(pa.array(rows, pa.int64()))
    parents = taken["id"].cast(pa.string())
    ids = [chunk_id(parent, number) for parent, number in zip(parents.to_pylist(), numbers, strict=True)]
    taken = _with_column(_with_column(taken, "id", pa.array(ids, pa.string())), last, pa.array(parts, pa.string()))
    taken = taken.append_column(PARENT, parents)
    for name, values in ((CHUNK, numbers), (START, starts), (END, ends)):
        taken = taken.append_column(name, pa.array(values, pa.int64()))
    texts = [joined([*(head[row] for head in heads), part]) for row, part in zip(rows, parts, strict=True)]
    return Chunked(taken, np.array(rows, np.int64), texts)


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _texts(documents: pa.Table, name: str) -> list[str | None]:
    if name not in documents.column_names:
        found = ", ".join(documents.column_names)
        raise VectorError(f"column is missing; expected a text to cut into chunks (found {found})", field=name)
    kind = documents[name].type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise VectorError(f"found {kind}, expected strings to encode", field=name)
    texts: list[str | None] = documents[name].to_pylist()
    return texts
