"""Read the ids of documents by document number, for all hits at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.errors import CorruptIndexError
from seismic.kernels.cells import (
    DAMAGED,
    END,
    FIELDS,
    OFFSETS,
    SIZE,
    UNSIGNED,
    VALUES,
    WIDTH,
    read_integers,
    read_texts,
)

USUAL_BYTES = 64
"""Room for the text of an id, at first."""


class IdColumn:
    """The ids of consecutive batches: texts or integers, none of them null."""

    def __init__(self, columns: Sequence[pa.Array]) -> None:
        self._columns = columns  # keeps the addresses valid
        self._batches = np.zeros((len(columns), FIELDS), np.int64)
        ends = np.cumsum([len(column) for column in columns])
        for batch, column, end in zip(self._batches, columns, ends, strict=True):
            _describe(batch, column, end)
        self._texts = bool(columns) and not pa.types.is_integer(columns[0].type)
        self._unsigned = bool(columns) and pa.types.is_uint64(columns[0].type)

    def read(self, numbers: npt.NDArray[np.int64]) -> list[Any]:
        """Return the ids of document numbers int64 [n], None for negative ones.

        Raises CorruptIndexError, and UnicodeDecodeError for texts that are not UTF-8.
        """
        ids, missing = self._read_texts(numbers) if self._texts else self._read_integers(numbers)
        if missing:
            for at in np.flatnonzero(numbers < 0).tolist():
                ids[at] = None
        return ids

    def _read_integers(self, numbers: npt.NDArray[np.int64]) -> tuple[list[Any], int]:
        out = np.empty(len(numbers), np.int64)
        length, missing = read_integers(numbers, self._batches, out)
        if length == DAMAGED:
            raise _damaged()
        return (out.view(np.uint64) if self._unsigned else out).tolist(), missing

    def _read_texts(self, numbers: npt.NDArray[np.int64]) -> tuple[list[Any], int]:
        count = len(numbers)
        spans, out = np.empty((2, count), np.int64), np.empty(USUAL_BYTES * count, np.uint8)
        length, missing = read_texts(numbers, self._batches, spans, out)
        if length > len(out):
            out = np.empty(length, np.uint8)
            read_texts(numbers, self._batches, spans, out)
        elif length == DAMAGED:
            raise _damaged()
        content, ends = out.data[:length], spans[1].tolist()
        text, parts = str(content, "utf-8"), zip([0, *ends], ends, strict=False)
        if len(text) == length:  # a byte for each character
            return [text[start:end] for start, end in parts], missing
        return [str(content[start:end], "utf-8") for start, end in parts], missing


def _describe(batch: npt.NDArray[np.int64], column: pa.Array, end: int) -> None:
    kind, buffers = column.type, column.buffers()
    if pa.types.is_integer(kind):
        width = kind.bit_width // 8
        batch[UNSIGNED] = pa.types.is_unsigned_integer(kind)
        batch[VALUES] = _address(buffers[1]) + column.offset * width
    else:
        width = 8 if pa.types.is_large_string(kind) else 4
        batch[OFFSETS] = _address(buffers[1]) + column.offset * width
        batch[VALUES], batch[SIZE] = _address(buffers[2]), buffers[2].size if buffers[2] else 0
    batch[END], batch[WIDTH] = end, width


def _address(buffer: pa.Buffer | None) -> int:
    return buffer.address if buffer else 0


def _damaged() -> CorruptIndexError:
    problem = "documents.arrow: id: found an offset beyond the values, or a document beyond the rows"
    return CorruptIndexError(f"{problem}; see `seismic verify`")
