"""Texts as the input of a build or a change."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, to_table
from seismic.documents.chunked import cut_documents
from seismic.encoders import (
    Bm25,
    Chunking,
    Encoder,
    TermCounter,
    as_encoder,
    encode_texts,
    located_words,
    weighted,
)
from seismic.encoders.bm25 import NAME as BM25
from seismic.errors import InputError, ParameterError
from seismic.vectors import SparseVectors
from seismic.vocabulary import Vocabulary

DEFAULT = "splade-tiny"
"""Encoder of texts for which none is named."""

TEXT = "text"

EncoderLike = Encoder | Bm25 | str | Path


class EncodedTexts(NamedTuple):
    """What is stored of texts: vectors, documents, and the encoder with its entry for the manifest."""

    vectors: SparseVectors
    documents: pa.Table
    encoder: Encoder


def documents_of(texts: Any, ids: Any, documents: TableLike | None, *, numbered: bool = True) -> pa.Table:
    """Return a table with `id`, `text` and the columns of `documents`. Raises InputError.

    `numbered`: number the documents from 0 without ids.
    """
    listed = _texts(texts)
    table = None if documents is None else to_table(documents, "documents")
    columns: dict[str, Any] = {}
    if table is not None:
        if len(table) != len(listed):
            raise InputError(f"documents: found {len(table)} rows for {len(listed)} texts, expected as many")
        if TEXT in table.column_names:
            raise InputError(f"documents: found a column '{TEXT}' next to texts; remove one of them")
        columns = dict(zip(table.column_names, table.columns, strict=True))
    if ids is not None:
        if "id" in columns:
            raise InputError("documents: found a column 'id' next to ids; remove one of them")
        columns["id"] = _ids(ids, len(listed))
    if not numbered and "id" not in columns:
        raise InputError("ids: found none, expected one for each text")
    columns.setdefault("id", pa.array(np.arange(len(listed))))
    return pa.table({"id": columns.pop("id"), TEXT: pa.array(listed, pa.string()), **columns})


def encoded_texts(
    documents: pa.Table,
    encoder: EncoderLike | None,
    chunking: Chunking | None,
    threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> EncodedTexts:
    """Encode the column `text` of documents, in chunks if asked. Raises InputError, ParameterError or EncoderError."""
    chosen = DEFAULT if encoder is None else encoder
    bm25 = chosen if isinstance(chosen, Bm25) else Bm25() if chosen == BM25 else None
    counter = None if bm25 is None else TermCounter(bm25)
    own = None if isinstance(chosen, Bm25) or counter else as_encoder(chosen)
    texts = documents[TEXT].to_pylist()
    if chunking is not None:
        if own:
            own.recorded(chunks=chunking)  # checks the size before anything is encoded
        locate = own.locate if own else lambda text: located_words(Vocabulary([]), text)
        documents, _, texts = cut_documents(documents, [TEXT], locate, chunking)
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress("encode", done, len(texts))

    if own is None:
        assert counter is not None
        counts = encode_texts(counter, texts, 1, report).vectors
        own = counter.encoder(counts)
        return EncodedTexts(weighted(counts, own), documents, own.recorded(chunks=chunking))
    encoded = encode_texts(own.encode_documents, texts, threads, report)
    return EncodedTexts(encoded.vectors, documents, own.recorded(cut=encoded.cut, chunks=chunking))


def check_texts_alone(
    path: Any, out: Any, chunk: int | None, overlap: int, **excluded: object
) -> tuple[Path | str, Chunking | None]:
    """Return where a collection of texts goes, and how texts are cut. Raises ParameterError for what texts exclude."""
    if path is not None and out is not None:
        raise ParameterError("found vectors and texts, expected one of them; give texts as build(out, texts=...)")
    for name, value in excluded.items():
        if value is not None:
            raise ParameterError(f"found {name} next to texts, expected it with vectors")
    place = out if path is None else path
    if not isinstance(place, str | Path):
        raise ParameterError(f"found {excerpt(place)}, expected the path of the collection, as build(out, texts=...)")
    if chunk is None:
        if overlap:
            raise ParameterError(f"overlap is {overlap}, expected chunk with it, the size of a chunk")
        return place, None
    return place, Chunking(size=chunk, overlap=overlap)


def _texts(texts: Any) -> list[str]:
    if isinstance(texts, pa.Array | pa.ChunkedArray):
        texts = texts.to_pylist()
    if isinstance(texts, str):
        raise InputError(f"texts: found {excerpt(texts)}, expected a list of texts")
    try:
        listed = list(texts)
    except TypeError:
        raise InputError(f"texts: found {excerpt(texts)}, expected a list of texts") from None
    for row, text in enumerate(listed):
        if not isinstance(text, str):
            raise InputError(f"texts, row {row}: found {excerpt(text)}, expected a text")
    return listed


def _ids(ids: Sequence[Any], rows: int) -> pa.Array:
    try:
        column = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else pa.array(list(ids))
    except (TypeError, pa.ArrowException):
        raise InputError(f"ids: found {excerpt(ids)}, expected a list of strings or of integers") from None
    if isinstance(ids, str) or len(column) != rows:
        found = excerpt(ids) if isinstance(ids, str) else f"{len(column)} ids"
        raise InputError(f"ids: found {found} for {rows} texts, expected one each")
    return column
