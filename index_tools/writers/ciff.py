"""CIFF: postings lists by term, with integers for weights; documents are turned around on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from index_tools.inversion import Inversion
from index_tools.parts import Chunk, Parts
from index_tools.readers.batch import BATCH_ROWS
from index_tools.readers.ciff_messages import (
    LARGEST,
    VERSION,
    DocRecord,
    Header,
    Message,
    PostingsList,
    write_message,
)
from index_tools.writers.base import Writing
from seismic import InputError

Integers = npt.NDArray[np.int64]


def write_ciff(path: Path, parts: Parts, writing: Writing) -> list[str]:
    """Impacts are round(scale x weight), half to even, and at least 1, as no document may lose a term.

    Terms are tokens, sorted by code point, or components as text. InputError if an impact or a sum of impacts does not
    fit into 31 bits.
    """
    if parts.rows > LARGEST:
        raise InputError(f"found {parts.rows:,} documents, expected at most {LARGEST:,} for CIFF")
    inversion, total, raised = Inversion(writing.scratch), 0, 0
    frequency = np.zeros(parts.dimension, np.int64)
    records = writing.scratch / "records"
    with records.open("wb") as file:
        first = 0
        for chunk in _pieces(writing.chunks(parts)):
            impacts = _impacts(chunk, writing.scale)
            raised += int(np.count_nonzero(chunk.vectors.values * writing.scale < 0.5))
            frequency += np.bincount(chunk.vectors.components, minlength=parts.dimension)
            numbers = np.repeat(np.arange(first, first + len(chunk.vectors)), np.diff(chunk.vectors.indptr))
            inversion.add(
                chunk.vectors.components.astype(np.uint32), numbers.astype(np.uint32), impacts.astype(np.uint32)
            )
            total += _write_records(file, chunk, impacts, first)
            first += len(chunk.vectors)
    terms = _terms(frequency, writing)
    with path.open("wb") as out:
        write_message(out, _header(parts.rows, len(terms), total, writing.scale))
        for term, component in terms:
            write_message(out, _postings_list(term, inversion, component))
        with records.open("rb") as file:
            while data := file.read(1 << 22):
                out.write(data)
    remarks = [f"weights became integers: {writing.scale:g} x weight, rounded to the nearest, at least 1"]
    return remarks + ([f"{raised:,} of {parts.nnz:,} weights would have become 0, and became 1"] if raised else [])


def _pieces(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same rows, fewer at a time: what is made of them takes much more memory."""
    for chunk in chunks:
        for first in range(0, len(chunk.vectors), BATCH_ROWS):
            last = min(first + BATCH_ROWS, len(chunk.vectors))
            yield Chunk(chunk.vectors.slice(first, last), chunk.documents.slice(first, last - first))


def _impacts(chunk: Chunk, scale: float) -> Integers:
    impacts = np.maximum(np.rint(chunk.vectors.values.astype(np.float64) * scale), 1)
    sums = np.add.reduceat(np.append(impacts, 0), chunk.vectors.indptr[:-1]) * (np.diff(chunk.vectors.indptr) > 0)
    if (sums > LARGEST).any():
        row = int(np.argmax(sums > LARGEST))
        identity = chunk.documents["id"][row].as_py()
        raise InputError(
            f"document {identity!r}: its impacts add up to {sums[row]:.0f}, expected at most {LARGEST}; "
            "choose a smaller --scale"
        )
    return impacts.astype(np.int64)


def _write_records(file: BinaryIO, chunk: Chunk, impacts: Integers, first: int) -> int:
    """Records of documents; the sum of their impacts, which stand for their lengths."""
    ends = np.concatenate([[0], np.cumsum(impacts)])[chunk.vectors.indptr]
    lengths = np.diff(ends).tolist()
    for number, (identity, length) in enumerate(zip(chunk.documents["id"].to_pylist(), lengths, strict=True), first):
        write_message(file, DocRecord(docid=number, collection_docid=str(identity), doclength=length))
    return int(ends[-1])


def _terms(frequency: Integers, writing: Writing) -> list[tuple[str, int]]:
    """(term, component) of those in use, sorted by term."""
    used = np.flatnonzero(frequency).tolist()
    return sorted((writing.tokens[number] if writing.tokens else str(number), number) for number in used)


def _header(documents: int, terms: int, total: int, scale: float) -> Message:
    return Header(
        version=VERSION,
        num_postings_lists=terms,
        num_docs=documents,
        total_postings_lists=terms,
        total_docs=documents,
        total_terms_in_collection=total,
        average_doclength=total / documents,
        description=f"Written by Seismic: impacts are round({scale:g} x weight), at least 1.",
    )


def _postings_list(term: str, inversion: Inversion, component: int) -> Message:
    _, numbers, impacts = inversion.between(component, component + 1)
    gaps = np.diff(numbers.astype(np.int64), prepend=0).tolist()
    listed = PostingsList(term=term, df=len(gaps), cf=int(impacts.sum(dtype=np.int64)))
    for gap, impact in zip(gaps, impacts.tolist(), strict=True):
        listed.postings.add(docid=gap, tf=impact)  # takes half the time of a Posting that is made first
    return listed
