"""What users gave with their vectors: checked when it comes in, and read from documents.arrow by document number."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from seismic.documents.ids import find_repeat
from seismic.documents.values import reader_of
from seismic.errors import InputError, ParameterError

FEW = 16
"""Rows that are looked up faster one by one than as an array."""


class Documents:
    """The documents of all shards, in the order of their numbers. Reads only the rows asked for."""

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        self._batches = [batch for table in tables for batch in table.to_batches() if batch.num_rows]
        rows = [batch.num_rows for batch in self._batches]
        self._ends: list[int] = np.cumsum(rows).tolist()
        self._ids = [_id_reader(batch.column("id")) for batch in self._batches]
        self.columns = [name for name in tables[0].column_names if name != "id"] if tables else []
        self._read = {name: reader_of(tables[0].schema.field(name).type) for name in self.columns}

    @property
    def count(self) -> int:
        """How many documents there are, deleted ones included."""
        return self._ends[-1] if self._ends else 0

    def ids(self, numbers: Iterable[int]) -> list[Any]:
        """Ids (str or int) of document numbers; None for a negative number."""
        wanted = list(numbers)
        if len(self._ids) == 1 and min(wanted, default=0) >= 0:
            return self._ids[0](wanted)
        found: list[Any] = [None] * len(wanted)
        for batch, (places, rows) in self._by_batch(wanted).items():
            for place, id in zip(places, self._ids[batch](rows), strict=True):
                found[place] = id
        return found

    def _by_batch(self, numbers: list[int]) -> dict[int, tuple[list[int], list[int]]]:
        """Batch to the places in `numbers` of its documents, and their rows in it; without negative numbers."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        if len(numbers) <= FEW:
            for place, number in enumerate(numbers):
                if number >= 0:
                    batch, row = self._locate(number)
                    places, rows = found.setdefault(batch, ([], []))
                    places.append(place)
                    rows.append(row)
            return found
        wanted = np.array(numbers, np.int64)
        batches = np.where(wanted < 0, -1, np.searchsorted(self._ends, wanted, side="right"))
        for batch in set(batches.tolist()) - {-1}:
            chosen = np.flatnonzero(batches == batch)
            first = self._ends[batch - 1] if batch else 0
            found[batch] = chosen.tolist(), (wanted[chosen] - first).tolist()
        return found

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """One dict of column -> value per document number; None: all columns. ParameterError for an unknown column or
        number."""
        numbers = list(numbers)
        check_numbers(min(numbers, default=0), max(numbers, default=-1), self.count)
        names = self.columns if columns is None else list(columns)
        for name in names:
            if name not in self.columns:
                known = ", ".join(self.columns) or "no payload columns"
                raise ParameterError(f"unknown payload column '{name}'; this collection has {known}")
        return [self._payload(number, names) for number in numbers]

    def _locate(self, number: int) -> tuple[int, int]:
        """(batch, row) of a document number. Not `Table.take`: it joins the chunks of text columns, all of them."""
        batch = bisect_right(self._ends, number)
        return batch, number - (self._ends[batch - 1] if batch else 0)

    def _payload(self, number: int, names: list[str]) -> dict[str, Any]:
        batch, row = self._locate(number)
        return {name: self._read[name](self._batches[batch].column(name)[row]) for name in names}


def check_numbers(least: int, largest: int, count: int) -> None:
    """ParameterError unless documents have numbers as low and as high as these, of so many documents."""
    if least < 0 or largest >= count:
        found = least if least < 0 else largest
        raise ParameterError(f"found document number {found}, expected 0 to {count - 1}")


def check_documents(documents: pa.Table | None, count: int) -> pa.Table:
    """A table of `count` rows with `id` first; InputError if ids are missing, null, repeated or of another type."""
    if documents is None:
        return pa.table({"id": pa.array(np.arange(count))})
    if documents.num_rows != count:
        raise InputError(f"documents: found {documents.num_rows} rows for {count} vectors, expected as many")
    if "id" not in documents.column_names:
        raise InputError(f"documents: column 'id' is missing; found {', '.join(documents.column_names)}")
    ids = documents["id"]
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type) or pa.types.is_integer(ids.type)):
        raise InputError(f"documents: column 'id' is {ids.type}, expected string or integer")
    if ids.null_count:
        row = int(np.flatnonzero(ids.is_null().to_numpy())[0])
        raise InputError(f"documents: row {row}, field 'id': found null, expected a unique id")
    _check_unique(ids)
    names = ["id", *(name for name in documents.column_names if name != "id")]
    return documents.select(names).unify_dictionaries()  # a file holds one dictionary per column


def _check_unique(ids: pa.ChunkedArray) -> None:
    repeat = find_repeat(ids)
    if repeat:
        second, first = repeat
        raise InputError(
            f"documents: row {second}, field 'id': found {ids[second].as_py()!r}, which row {first} has; "
            "expected unique ids"
        )


def _id_reader(column: pa.Array) -> Callable[[list[int]], list[Any]]:
    """rows -> ids. Few of them straight from the buffers: ten through Arrow's scalars take 20 us, an eighth of a
    search."""
    if pa.types.is_integer(column.type):
        values = column.to_numpy(zero_copy_only=True)
        return lambda rows: list(values[rows].tolist())
    _, offset_buffer, text = column.buffers()
    kind = np.int64 if pa.types.is_large_string(column.type) else np.int32
    offsets = np.frombuffer(offset_buffer, kind)[column.offset :].data  # an array's items take longer
    view = memoryview(text if text is not None else b"")

    def read(rows: list[int]) -> list[Any]:
        if len(rows) <= FEW:
            return [str(view[offsets[row] : offsets[row + 1]], "utf-8") for row in rows]
        ids: list[Any] = column.take(pa.array(rows)).to_pylist()
        return ids

    return read
