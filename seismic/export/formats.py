"""Write tables as Parquet or JSON lines, as parts of bytes that can be sent or stored."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_jsonable_python

from seismic.conversion.plain import to_json
from seismic.documents.values import to_pylist
from seismic.errors import InputError

Format: TypeAlias = Literal["jsonl", "parquet"]


def encode(tables: Iterable[pa.Table], schema: pa.Schema, format: Format) -> Iterator[bytes]:
    """Yield the bytes of a file with the rows of all tables. Raises InputError for types it cannot hold."""
    return _parquet(tables, schema) if format == "parquet" else map(_lines, tables)


class _Sink:
    """A file for Arrow whose bytes are taken as they are written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: "pa.Buffer | bytes") -> None:
        self._parts.append(bytes(data))
        self._position += len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Do nothing: whoever takes the bytes stores them."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole


def _parquet(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[bytes]:
    """Yield a Parquet file with a row group per table."""
    sink = _Sink()
    with _writer(sink, schema) as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


def _writer(sink: _Sink, schema: pa.Schema) -> pq.ParquetWriter:
    try:
        return pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True)
    except pa.ArrowException as error:
        kinds = ", ".join(f"'{field.name}' ({field.type})" for field in schema if not _fits_parquet(field))
        raise InputError(
            f"columns {kinds}: Parquet cannot hold them ({error}); name the columns to export without them, or write "
            "JSON lines"
        ) from None


def _fits_parquet(field: pa.Field) -> bool:
    try:
        pq.ParquetWriter(_Sink(), pa.schema([field])).close()
    except pa.ArrowException:
        return False
    return True


def _lines(table: pa.Table) -> bytes:
    """Return a JSON object per row: its columns, then `indices` and `values`, or `tokens`."""
    names = table.column_names
    columns = [_values(table[name].combine_chunks(), name) for name in names]
    return b"".join(
        orjson.dumps(dict(zip(names, row, strict=True)), _plain, orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
        for row in zip(*columns, strict=True)
    )


def _values(column: pa.Array, name: str) -> Iterable[Any]:
    """Return the values of a column. Lists of the numbers of vectors stay NumPy arrays, which are written faster."""
    if name.rpartition(".")[2] in ("indices", "values") and column.type in (
        pa.list_(pa.uint32()),
        pa.list_(pa.float32()),
    ):
        starts, flat = column.offsets.to_numpy(), column.values.to_numpy()
        return [flat[first:end] for first, end in pairwise(starts.tolist())]
    if pa.types.is_map(column.type) and name == "tokens":
        return map(dict, to_pylist(column, name))
    return to_pylist(column, name)


def _plain(value: Any) -> Any:
    """Return a value without a JSON type as one that has it, as answers over REST do."""
    return to_json(value) if isinstance(value, bytes | Decimal | timedelta) else to_jsonable_python(value)
