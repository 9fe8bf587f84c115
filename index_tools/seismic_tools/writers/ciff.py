"""CIFF: posting lists by term with integer weights, inverted on disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import InputError, SparseVectors
from seismic_tools.readers.batch import BATCH_ROWS
from seismic_tools.readers.ciff_messages import (
    LARGEST,
    VERSION,
    DocRecord,
    Header,
    Message,
    PostingsList,
    write_message,
)
from seismic_tools.readers.inversion import Inversion, inversion
from seismic_tools.writers.base import Writing
from seismic_tools.writers.parts import Chunk, Parts

Integers = npt.NDArray[np.int64]


def write_ciff(path: Path, parts: Parts, writing: Writing) -> list[str]:
    """Write a CIFF file. Impacts are round(scale x weight), half to even, and at least 1 to keep every term.

    Terms are tokens, or components as text, sorted by code point. InputError if an impact or the sum of a document
    exceeds 31 bits.
    """
    if parts.rows > LARGEST:
        raise InputError(f"found {parts.rows:,} documents, expected at most {LARGEST:,} for CIFF")
    records = writing.scratch / "records"
    with inversion(writing.scratch) as turned, path.open("wb") as out:
        read = _invert(turned, records, parts, writing)
        terms = _terms(read.components, writing)
        write_message(out, _header(parts.rows, len(terms), read.total, writing.scale))
        for term, component in terms:
            write_message(out, _postings_list(term, turned, component))
        with records.open("rb") as file:
            shutil.copyfileobj(file, out)
    remarks = [f"weights are stored as integers: {writing.scale:g} x weight, rounded to nearest, at least 1"]
    if read.raised:
        remarks.append(f"{read.raised:,} of {parts.nnz:,} weights were raised to 1, because they would round to 0")
    return remarks


class Read(NamedTuple):
    """Totals: documents per component, int64 [dimension]; sum of impacts; number of impacts raised to 1."""

    components: npt.NDArray[np.uint32]
    total: int
    raised: int


def _invert(turned: Inversion, records: Path, parts: Parts, writing: Writing) -> Read:
    """Add all postings by component, and write the document records that end the file."""
    components = np.zeros(0, np.uint32)
    total = raised = first = 0
    with records.open("wb") as file:
        for vectors, documents in _pieces(writing.chunks(parts)):
            impacts = _impacts(vectors, documents["id"], writing.scale)
            raised += int(np.count_nonzero(vectors.values * writing.scale < 0.5))
            components = np.union1d(components, vectors.components)
            numbers = np.repeat(np.arange(first, first + len(vectors)), np.diff(vectors.indptr))
            turned.add(vectors.components.astype(np.uint32), numbers.astype(np.uint32), impacts.astype(np.uint32))
            total += _write_records(file, vectors, documents["id"], impacts, first)
            first += len(vectors)
    return Read(components, total, raised)


def _pieces(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Yield smaller chunks: messages need much more memory than vectors."""
    for chunk in chunks:
        for first in range(0, len(chunk.vectors), BATCH_ROWS):
            last = min(first + BATCH_ROWS, len(chunk.vectors))
            yield Chunk(chunk.vectors.slice(first, last), chunk.documents.slice(first, last - first))


def _impacts(vectors: SparseVectors, ids: pa.ChunkedArray, scale: float) -> Integers:
    impacts = np.maximum(np.rint(vectors.values.astype(np.float64) * scale), 1)
    sums = np.diff(np.concatenate([[0], np.cumsum(impacts)])[vectors.indptr])
    if (sums > LARGEST).any():
        row = int(np.argmax(sums > LARGEST))
        raise InputError(
            f"document {ids[row].as_py()!r}: the sum of its impacts is {sums[row]:.0f}, expected at most {LARGEST}; "
            "choose a smaller --scale"
        )
    return impacts.astype(np.int64)


def _write_records(file: BinaryIO, vectors: SparseVectors, ids: pa.ChunkedArray, impacts: Integers, first: int) -> int:
    """Write document records, with the sum of impacts as length; return the total."""
    ends = np.concatenate([[0], np.cumsum(impacts)])[vectors.indptr]
    for number, (identity, length) in enumerate(zip(ids.to_pylist(), np.diff(ends).tolist(), strict=True), first):
        write_message(file, DocRecord(docid=number, collection_docid=str(identity), doclength=length))
    return int(ends[-1])


def _terms(components: npt.NDArray[np.uint32], writing: Writing) -> list[tuple[str, int]]:
    """Return (term, component) of the components in use, sorted by term."""
    return sorted((writing.tokens[one] if writing.tokens else str(one), one) for one in components.tolist())


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


def _postings_list(term: str, turned: Inversion, component: int) -> Message:
    _, numbers, impacts = turned.between(component, component + 1)
    gaps = np.diff(numbers.astype(np.int64), prepend=0).tolist()
    listed = PostingsList(term=term, df=len(gaps), cf=int(impacts.sum(dtype=np.int64)))
    for gap, impact in zip(gaps, impacts.tolist(), strict=True):
        listed.postings.add(docid=gap, tf=impact)  # faster than constructing a Posting first
    return listed
