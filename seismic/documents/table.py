"""Check incoming documents, and read stored ones from documents.arrow by document number."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, is_table, to_table
from seismic.documents.cells import Cell, cell_reader
from seismic.documents.id_column import IdColumn
from seismic.documents.ids import find_repeat
from seismic.documents.json_rows import Dumps, JsonRows
from seismic.documents.values import not_text
from seismic.errors import CorruptIndexError, InputError, ParameterError
from seismic.stop import current
from seismic.vectors import VectorsLike

ROWS_PER_CHECK = 64
"""Rows read between two looks at the deadline."""

VECTOR_COLUMNS = {"indices", "values"}


class Documents:
    """The documents of all shards, by document number. Reads only the requested rows.

    `schema`: that of the collection, if it may have more columns or wider types than a shard.
    """

    def __init__(self, tables: Sequence[pa.Table], schema: pa.Schema | None = None) -> None:
        self._batches = [batch for table in tables for batch in table.to_batches() if batch.num_rows]
        rows = [batch.num_rows for batch in self._batches]
        self._ends: list[int] = np.cumsum(rows).tolist()
        self._firsts = [0, *self._ends[:-1]]
        self._ids = IdColumn([batch.column("id") for batch in self._batches])
        if schema is None:
            schema = tables[0].schema if tables else pa.schema([])
        self._schema, self.columns = schema, [name for name in schema.names if name != "id"]
        self._cells = [_Cells(batch, schema) for batch in self._batches]

    @property
    def count(self) -> int:
        """The number of documents, deleted ones included."""
        return self._ends[-1] if self._ends else 0

    def ids(self, numbers: Iterable[int] | npt.NDArray[np.int64]) -> list[Any]:
        """Return the ids (str or int) of document numbers; None for a negative number. Raises CorruptIndexError."""
        wanted = numbers if isinstance(numbers, np.ndarray) else np.array(list(numbers), np.int64)
        try:
            return self._ids.read(wanted)
        except UnicodeDecodeError as error:
            raise not_text("id", error) from None

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return one dict of column -> value per document number. `columns` None: all.

        Raises ParameterError for an unknown column or number.
        """
        numbers = list(numbers)
        if not (columns is None or isinstance(columns, list | tuple | set | frozenset)):
            raise ParameterError(f"columns is {excerpt(columns)}, expected a list of column names")
        check_numbers(min(numbers, default=0), max(numbers, default=-1), self.count)
        names = self.columns if columns is None else list(columns)
        for name in names:
            if not isinstance(name, str) or name not in self.columns:
                known = ", ".join(self.columns) or "no payload columns"
                shown = f"'{name}'" if isinstance(name, str) else excerpt(name)
                raise ParameterError(f"unknown payload column {shown}; this collection has {known}")
        rows = []
        for at, number in enumerate(numbers):
            if at % ROWS_PER_CHECK == 0:
                current().check()
            rows.append(self._payload(number, names))
        return rows

    def json_rows(self, columns: Sequence[str] | None, dumps: Dumps) -> JsonRows:
        """Return a writer of hits with the payload of known columns; `columns` None writes none.

        `dumps` returns the JSON of a value. Safe for one thread at a time.
        """
        return JsonRows(self._batches, self._schema, columns, self._cells, dumps)

    def _locate(self, number: int) -> tuple[int, int]:
        """Return (batch, row) of a document number. `Table.take` would concatenate all chunks of text columns."""
        batch = bisect_right(self._ends, number)
        return batch, number - self._firsts[batch]

    def _payload(self, number: int, names: list[str]) -> dict[str, Any]:
        batch, row = self._locate(number)
        cells, payload, name = self._cells[batch], {}, ""
        try:
            for name in names:
                payload[name] = cells[name](row)
        except UnicodeDecodeError as error:
            raise not_text(name, error) from None
        except IndexError:
            problem = f"documents.arrow: {name}: found an offset or a code beyond the values"
            raise CorruptIndexError(f"{problem}; see `seismic verify`") from None
        return payload


class _Cells(dict[str, Cell]):
    """The cells of a batch by column of the collection, made at the first use."""

    def __init__(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        self._batch, self._schema = batch, schema

    def __missing__(self, name: str) -> Cell:
        cell = self[name] = self._cell(name, self._schema.field(name).type)
        return cell

    def _cell(self, name: str, kind: pa.DataType) -> Cell:
        at = self._batch.schema.get_field_index(name)
        if at < 0:
            return lambda _: None
        column = self._batch.column(at)
        if column.type == kind or pa.types.is_dictionary(column.type):
            return cell_reader(column)
        return lambda row: cell_reader(column.slice(row, 1).cast(kind))(0)


def check_numbers(least: int, largest: int, count: int, least_allowed: int = 0) -> None:
    """Raise ParameterError unless `least` and `largest` are document numbers of `count` documents."""
    if least < least_allowed or largest >= count:
        wrong = least if least < least_allowed else largest
        raise ParameterError(f"found document number {wrong}, expected {least_allowed} to {count - 1}")


def split_table(vectors: VectorsLike, documents: TableLike | None) -> tuple[VectorsLike, TableLike | None]:
    """Separate the vectors of a table from its other columns, which are the documents; number those without `id`.

    A list of mappings with `indices`, `values` and other keys is a table, too. Raises InputError if the documents come
    twice.
    """
    if not is_table(vectors):
        rows = isinstance(vectors, list | tuple) and bool(vectors) and all(map(_has_document, vectors))
        if not rows:
            return vectors, documents
    table = to_table(vectors, "vectors")
    names = [name for name in table.column_names if name not in VECTOR_COLUMNS]
    if not names or not set(table.column_names) >= VECTOR_COLUMNS:
        return table, documents
    if documents is not None:
        found = ", ".join(names)
        raise InputError(f"vectors: found the columns {found} and separate documents, expected only one of both")
    columns = table.select(names)
    if "id" not in names:
        columns = columns.add_column(0, "id", pa.array(np.arange(len(table))))
    return table.select(sorted(VECTOR_COLUMNS)), columns


def _has_document(row: Any) -> bool:
    return isinstance(row, Mapping) and row.keys() > VECTOR_COLUMNS


def check_documents(documents: TableLike | None, count: int) -> pa.Table:
    """Return a table of `count` rows with `id` as first column.

    Raises InputError if ids are missing, null, duplicate or neither strings nor integers.
    """
    if documents is None:
        return pa.table({"id": pa.array(np.arange(count))})
    table = to_table(documents, "documents")
    if table.num_rows != count:
        raise InputError(f"documents: found {table.num_rows} rows and {count} vectors, expected equal numbers")
    if "id" not in table.column_names:
        raise InputError(f"documents: found columns {', '.join(table.column_names)}, expected a column 'id'")
    ids = table["id"]
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type) or pa.types.is_integer(ids.type)):
        raise InputError(f"documents: found column 'id' of type {ids.type}, expected string or integer")
    if ids.null_count:
        row = int(np.flatnonzero(ids.is_null().to_numpy())[0])
        raise InputError(f"documents: row {row}, field 'id': found null, expected a unique id")
    _check_unique(ids)
    payload = table.select([name for name in table.column_names if name != "id"])
    return payload.add_column(0, "id", ids)


def _check_unique(ids: pa.ChunkedArray) -> None:
    repeat = find_repeat(ids)
    if repeat:
        second, first = repeat
        raise InputError(
            f"documents: row {second}, field 'id': found {ids[second].as_py()!r}, a duplicate of row {first}; "
            "expected unique ids"
        )
