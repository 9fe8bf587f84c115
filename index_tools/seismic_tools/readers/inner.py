"""The inner format of the Rust reference of Seismic, `.bin`, which its raw indexes are built from.

Numbers of 32 bits, little-endian: how many vectors; then of each how many components it has, these, and their values
(its script `convert_json_to_inner_format.py`). Vectors have no ids, and tokens are numbers.
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
    """Some vectors: where each begins, how many components it has, and where the next begins; in words."""

    starts: list[int]
    lengths: list[int]
    end: int


def read_inner(path: Path, reading: Reading) -> Iterator[Batch]:
    """Batches of a `.bin` file of the Rust reference; VectorError names row and field, InputError a broken file."""
    with readable(path, "Seismic's inner format"):
        size = path.stat().st_size
        if size == 0 or size % 4:
            raise BrokenFileError(f"found {size:,} bytes, expected numbers of 4 bytes")
        words: Words = np.asarray(np.memmap(path, "<u4", mode="r"))
        count = int(words[0])
        first, end = 0, 1
        while first < count:
            span = _walk(words, end, first, count)
            rows, end = Rows(path, "row", range(first, first + len(span.lengths))), span.end
            first += len(span.lengths)
            if first <= reading.skip:
                continue
            left_out = max(0, reading.skip - rows.numbers[0])
            rows = rows._replace(numbers=rows.numbers[left_out:])
            try:
                vectors = _vectors(words, span.starts[left_out:], span.lengths[left_out:], reading)
            except VectorError as error:
                raise rows.placed(error) from None
            yield Batch(rows, vectors, NO_DOCUMENTS, False, end / len(words))
        if end != len(words):
            raise BrokenFileError(f"there are {len(words) - end:,} numbers behind the last of {count:,} vectors")


def _walk(words: Words, at: int, first: int, count: int) -> Span:
    """The vectors of a batch, the first of which, vector number `first`, begins at word `at`."""
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
