"""Read the ids of documents from the buffers of Arrow columns, wherever they are.

A column is a table of its batches: a row of int64 each.
"""

from seismic.kernels.arrays import I64, U8
from seismic.kernels.jit import jit
from seismic.kernels.memory import int8_at, integer_at, prefetch_at

END, VALUES, WIDTH, OFFSETS, SIZE, UNSIGNED = range(6)
"""Fields of a batch. ``END``: the row after its last one. ``VALUES``: address of the integers, or of the text.
``WIDTH``: bytes of an integer or offset. ``OFFSETS``: address of the offsets of texts. ``SIZE``: bytes of the text.
``UNSIGNED``: 1 for integers without a sign."""

FIELDS = 6

DAMAGED = -1
"""In place of a length: an offset is beyond the text, or a row beyond the last batch."""


@jit(allocates=False)
def _batch_of(batches: I64, row: int) -> int:
    """Return the batch of a row, or the number of batches."""
    low, high = 0, len(batches)
    while low < high:
        middle = (low + high) >> 1
        if batches[middle, END] <= row:
            low = middle + 1
        else:
            high = middle
    return low


@jit(allocates=False)
def _place(batches: I64, batch: int, row: int) -> int:
    """Return how many bytes after the first integer or offset of a batch that of a row is."""
    first = batches[batch - 1, END] if batch else 0
    return (row - first) * batches[batch, WIDTH]


@jit(allocates=False)
def read_texts(rows: I64, batches: I64, spans: I64, out: U8) -> tuple[int, int]:
    """Copy the texts of rows to `out`, one after another, if it has room for all; negative rows have none.

    Returns their length in bytes, or DAMAGED, and the number of negative rows. ``spans`` int64 [2, n] receives the
    address of each text in the column, and where it ends in `out`.
    """
    length, missing = 0, 0
    for at in range(len(rows)):
        row = rows[at]
        if row < 0:
            missing += 1
        else:
            batch = _batch_of(batches, row)
            if batch == len(batches):
                return DAMAGED, missing
            width = batches[batch, WIDTH]
            offset = batches[batch, OFFSETS] + _place(batches, batch, row)
            first, last = integer_at(offset, width), integer_at(offset + width, width)
            if first < 0 or last < first or last > batches[batch, SIZE]:
                return DAMAGED, missing
            spans[0, at] = batches[batch, VALUES] + first
            prefetch_at(spans[0, at])
            length += last - first
        spans[1, at] = length
    if length <= len(out):
        start = 0
        for at in range(len(rows)):
            end, address = spans[1, at], spans[0, at] - start
            for place in range(start, end):
                out[place] = int8_at(address + place)
            start = end
    return length, missing


@jit(allocates=False)
def read_integers(rows: I64, batches: I64, out: I64) -> tuple[int, int]:
    """Write the integers of rows to `out`, 0 for negative rows and int64 of the same bits from 2^63 on.

    Returns 0, or DAMAGED, and the number of negative rows.
    """
    missing = 0
    for at in range(len(rows)):
        row, value = rows[at], 0
        if row < 0:
            missing += 1
        else:
            batch = _batch_of(batches, row)
            if batch == len(batches):
                return DAMAGED, missing
            width = batches[batch, WIDTH]
            value = integer_at(batches[batch, VALUES] + _place(batches, batch, row), width)
            if batches[batch, UNSIGNED] and width < 8:
                value &= (1 << (8 * width)) - 1
        out[at] = value
    return 0, missing
