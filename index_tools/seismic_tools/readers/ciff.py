"""CIFF, the Common Index File Format: an inverted index, inverted back to documents on disk."""

import gzip
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import SparseVectors, VectorError
from seismic_tools.readers.batch import (
    BATCH_ROWS,
    Batch,
    BrokenFileError,
    Reading,
    Rows,
    document_table,
    readable,
    token_vectors,
)
from seismic_tools.readers.ciff_messages import VERSION, DocRecord, Header, Message, PostingsList, read_message
from seismic_tools.readers.inversion import Inversion, inversion

Compression = Literal["gzip"]


LISTS = 1000
"""Posting lists read between two progress reports."""


def read_ciff(path: Path, reading: Reading, compression: Compression | None = None) -> Iterator[Batch]:
    """Yield the batches of a CIFF file. Terms become tokens and impacts values.

    VectorError names the row, InputError the damage. Memory holds the longest posting list and a fixed number of
    postings; the rest is in `reading.scratch`.
    """
    with readable(path, "CIFF"), path.open("rb") as raw, inversion(reading.scratch) as turned:
        size = path.stat().st_size
        file: BinaryIO = gzip.GzipFile(fileobj=raw) if compression else raw  # type: ignore[assignment]
        header = read_message(file, Header, "the header")
        _check_header(header)
        seen: set[int] = set()
        for number in range(header.num_postings_lists):
            _add(turned, path, read_message(file, PostingsList, f"posting list {number:,}"), header, reading, seen)
            if number % LISTS == LISTS - 1:  # no rows yet, but progress
                yield _batch(path, reading, turned, 0, [], raw.tell() / size)
        for first in range(0, header.num_docs, BATCH_ROWS):
            last = min(first + BATCH_ROWS, header.num_docs)
            ids = [_id(read_message(file, DocRecord, f"document record {row:,}"), row) for row in range(first, last)]
            kept = max(first, min(reading.skip, last))
            if kept < last:
                yield _batch(path, reading, turned, kept, ids[kept - first :], raw.tell() / size)
        if file.read(1):
            raise BrokenFileError("found data after the last document record")


def _check_header(header: Message) -> None:
    if header.version != VERSION:
        raise BrokenFileError(f"found version {header.version}, expected {VERSION}")
    if min(header.num_postings_lists, header.num_docs) < 0:
        raise BrokenFileError(f"found {header.num_postings_lists} posting lists and {header.num_docs} documents")


def _add(turned: Inversion, path: Path, listed: Message, header: Message, reading: Reading, seen: set[int]) -> None:
    """Check a posting list and add its postings; `seen` holds the components of earlier lists."""
    term = listed.term
    try:
        component = reading.tokens[term]
    except KeyError:
        raise VectorError(f"term {term!r} is not in the vocabulary", source=str(path)) from None
    if component in seen:
        raise BrokenFileError(f"found two posting lists of {term!r}")
    seen.add(component)
    gaps, impacts = postings_of(listed)
    if listed.df != len(gaps):
        raise BrokenFileError(f"found {len(gaps):,} postings of {term!r}, expected {listed.df:,}")
    documents = np.cumsum(gaps)
    if len(gaps) and ((gaps[1:] <= 0).any() or gaps[0] < 0 or documents[-1] >= header.num_docs):
        raise BrokenFileError(f"postings of {term!r} are not ascending document numbers below {header.num_docs:,}")
    if (impacts <= 0).any():
        raise BrokenFileError(f"found an impact of {impacts.min()} for {term!r}, expected 1 or more")
    components = np.full(len(gaps), component, np.uint32)
    turned.add(documents.astype(np.uint32), components, impacts.astype(np.uint32))


def postings_of(listed: Message) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (gaps, impacts) of a posting list."""
    postings = listed.postings
    gaps, impacts = (np.fromiter(map(attrgetter(name), postings), np.int64, len(postings)) for name in ("docid", "tf"))
    return gaps, impacts


def _id(record: Message, row: int) -> str:
    if record.docid != row:
        raise BrokenFileError(
            f"found the record of document {record.docid}, expected that of document {row}: records must be in order"
        )
    identity: str = record.collection_docid
    return identity


def _batch(path: Path, reading: Reading, turned: Inversion, first: int, ids: list[str], read: float) -> Batch:
    rows = Rows(path, "document", range(first, first + len(ids)))
    try:
        vectors = _vectors(turned, first, len(ids), reading)
        documents = document_table({"id": pa.array(ids, pa.string())})
    except VectorError as error:
        raise rows.placed(error) from None
    return Batch(rows, vectors, documents, True, read)


def _vectors(turned: Inversion, first: int, count: int, reading: Reading) -> SparseVectors:
    if count == 0:
        return SparseVectors.from_dicts([])
    keys, components, impacts = turned.between(first, first + count)
    lengths: npt.NDArray[Any] = np.bincount(keys - np.uint32(first), minlength=count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return token_vectors(starts, components.astype(np.int64), impacts, reading, "postings")
