"""The inner format of the Rust reference of Seismic, `.bin`, the input of its raw indexes.

32-bit little-endian numbers: the number of vectors; then per vector its length, components and values (see its script
`convert_json_to_inner_format.py`). Vectors have no ids, and tokens are numbers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic import SparseVectors, VectorError
from seismic_tools.readers.batch import (
    BATCH_NNZ,
    BATCH_ROWS,
    NO_DOCUMENTS,
    Batch,
    BrokenFileError,
    Reading,
    Rows,
    readable,
)

Words = npt.NDArray[np.uint32]


class Span(NamedTuple):
    """Consecutive vectors: their starts, their lengths, and the end of the last one, in words."""

    starts: list[int]
    lengths: list[int]
    end: int


def read_inner(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of a `.bin` file. VectorError names row and field, InputError a damaged file."""
    with readable(path, "Seismic's inner format"):
        size = path.stat().st_size
        if size == 0 or size % 4:
            raise BrokenFileError(f"found {size:,} bytes, expected a multiple of 4")
        words: Words = np.asarray(np.memmap(path, "<u4", mode="r"))
        count = int(words[0])
        first, end = 0, 1
        while first < count:
            span = _walk(words, end, first, count)
            start, first, end = first, first + len(span.lengths), span.end
            if first <= reading.skip:
                continue
            left_out = max(0, reading.skip - start)
            rows = Rows(path, "row", range(start + left_out, first))
            try:
                vectors = _vectors(words, span.starts[left_out:], span.lengths[left_out:], reading)
            except VectorError as error:
                raise rows.placed(error) from None
            yield Batch(rows, vectors, NO_DOCUMENTS, False, end / len(words))
        if end != len(words):
            raise BrokenFileError(f"found {len(words) - end:,} numbers after the last of {count:,} vectors")


def _walk(words: Words, at: int, first: int, count: int) -> Span:
    """Return the vectors of a batch that starts with vector number `first` at word `at`."""
    starts: list[int] = []
    lengths: list[int] = []
    begin = at
    while first + len(lengths) < count and len(lengths) < BATCH_ROWS and at - begin < 2 * BATCH_NNZ:
        length = int(words[at]) if at < len(words) else 0
        if at + 1 + 2 * length > len(words):
            number, left = first + len(lengths), max(0, len(words) - at - 1)
            raise BrokenFileError(
                f"vector {number:,} of {count:,} needs {1 + 2 * length:,} numbers, but {left:,} are left"
            )
        starts.append(at + 1)
        lengths.append(length)
        at += 1 + 2 * length
    return Span(starts, lengths, at)


def _vectors(words: Words, starts: list[int], lengths: list[int], reading: Reading) -> SparseVectors:
    counts = np.array(lengths)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    at = np.arange(indptr[-1]) + np.repeat(np.array(starts) - indptr[:-1], counts)
    values = words[at + np.repeat(counts, counts)].view("<f4")
    return SparseVectors.from_arrays(indptr, words[at], values, reading.dimension, repair=reading.repair)
