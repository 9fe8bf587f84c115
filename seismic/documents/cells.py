"""Read single values of Arrow columns. Common types are read from the buffers, because Arrow's scalars are slow."""

from codecs import utf_8_decode as decode
from collections.abc import Callable
from operator import methodcaller
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from seismic.documents.values import may_hold_times, to_python

Cell: TypeAlias = Callable[[int], Any]
"""Returns the value of a row as `to_python` does, None for null.

Raises UnicodeDecodeError for text that is not UTF-8, and IndexError for offsets and codes beyond the values.
"""


class Texts(NamedTuple):
    """The ``ends`` of the texts of a column, from the start of the first one on, in their UTF-8 ``content``."""

    ends: memoryview
    content: memoryview


def texts_of(column: pa.Array) -> Texts | None:
    """Return the texts of a column; None for a column of other values."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    return Texts(_offsets(column), memoryview(column.buffers()[2] or b""))


def cell_reader(column: pa.Array) -> Cell:
    """Return the reader of a column's values by row."""
    read = _valid_reader(column)
    if read is None:
        convert = to_python if may_hold_times(column.type) else methodcaller("as_py")
        return lambda row: convert(column[row])
    if not column.null_count:
        return read
    is_valid = _bit_reader(column, 0)
    return lambda row: read(row) if is_valid(row) else None


def _valid_reader(column: pa.Array) -> Cell | None:
    """Return a reader of rows that are not null, or None for types that are left to Arrow."""
    kind = column.type
    if texts := texts_of(column):
        ends, content = texts
        return lambda row: decode(content[ends[row] : ends[row + 1]], "strict", True)[0]
    if pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return _numbers(column, kind.to_pandas_dtype()).__getitem__
    if pa.types.is_boolean(kind):
        return _bit_reader(column, 1)
    if pa.types.is_dictionary(kind):
        value, code = cell_reader(column.dictionary), cell_reader(column.indices)
        return lambda row: value(code(row))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        ends, element = _offsets(column), cell_reader(column.values)
        return lambda row: [element(at) for at in range(ends[row], ends[row + 1])]
    return None


def _bit_reader(column: pa.Array, buffer: int) -> Callable[[int], bool]:
    """Return a reader of bits: of validity (buffer 0), or of booleans (buffer 1)."""
    bits, offset = memoryview(column.buffers()[buffer] or b"").cast("B"), column.offset
    return lambda row: bool(bits[(offset + row) >> 3] >> ((offset + row) & 7) & 1)


def _offsets(column: pa.Array) -> memoryview:
    large = pa.types.is_large_string(column.type) or pa.types.is_large_list(column.type)
    return _numbers(column, np.int64 if large else np.int32)


def _numbers(column: pa.Array, kind: Any) -> memoryview:
    """Return the second buffer from the column's first row on. Indexing it is faster than indexing an array."""
    buffer = column.buffers()[1] or b""
    whole = memoryview(buffer).nbytes // np.dtype(kind).itemsize  # Arrow's buffers of no values may have a single byte
    return np.frombuffer(buffer, kind, whole)[column.offset :].data
