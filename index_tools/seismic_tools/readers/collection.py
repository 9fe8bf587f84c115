"""Read the documents or queries of several files as one stream of batches."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seismic import InputError
from seismic_tools.readers.batch import NO_DOCUMENTS, Batch, Reading, common_type
from seismic_tools.readers.beir import Role
from seismic_tools.readers.files import find_files
from seismic_tools.readers.formats import reader_of


class Start(NamedTuple):
    """Where reading continues: after `row` rows of file number `file`, and `rows` of all files. `first` is the
    last batch of the first file, if that was read."""

    file: int = 0
    row: int = 0
    rows: int = 0
    first: Batch | None = None


BEGINNING = Start()


def read_collection(
    paths: Sequence[Path],
    reading: Reading,
    progress: Callable[[int, int], None] | None = None,
    *,
    ending: str | None = None,
    start: Start = BEGINNING,
    role: Role = "corpus",
) -> Iterator[Batch]:
    """Yield all rows of all files, in order; a folder stands for the supported files in it, sorted by name.

    Every file must have the same columns. Rows of formats without ids get those of `reading.ids`, or are numbered
    across all files. `progress` is called with (bytes read, total). `ending` overrides the format given by the file
    names; `role` chooses the file of a BEIR folder. Raises InputError, and VectorError with file, row and field.
    """
    files = find_files(paths, ending, role)
    sizes = [file.stat().st_size for file in files]
    first, rows = start.first, start.rows  # the last batch of a file has all of its columns
    for number, file in enumerate(files[start.file :], start.file):
        last: Batch | None = None
        here = reading._replace(skip=start.row if number == start.file else 0)
        for last in reader_of(file, ending)(file, here):
            last = _with_ids(last, reading, rows)
            rows += len(last.vectors)
            if first:
                _check_agreement(first, last)
            yield last
            if progress:
                progress(sum(sizes[:number]) + int(last.read * sizes[number]), sum(sizes))
        if first and last:
            _check_nothing_missing(first, last)
        first = first or last
    if first is None:
        raise InputError(f"no documents in {', '.join(map(str, files))}")
    if reading.ids is not None and rows != len(reading.ids):
        raise InputError(f"--ids: found {len(reading.ids):,} ids for {rows:,} documents, expected one per document")


def _with_ids(batch: Batch, reading: Reading, before: int) -> Batch:
    """Return the batch with documents: its own, or ids of `reading` or numbers, after `before` earlier rows."""
    file, count = batch.rows.file, len(batch.vectors)
    if batch.documents is not NO_DOCUMENTS:
        if reading.ids is not None:
            raise InputError(f"{file}: found ids in the file in addition to --ids; remove --ids")
        return batch
    if reading.texts and reading.texts.always:
        raise InputError(f"{file}: found only vectors, expected texts to encode")
    if reading.ids is None:
        return batch._replace(documents=pa.table({"id": np.arange(before, before + count)}))
    ids = reading.ids.slice(before, count)
    if len(ids) < count:
        raise InputError(f"--ids: found {len(reading.ids):,} ids, expected one per document; {file} has more documents")
    return batch._replace(documents=pa.table({"id": ids}))


def _check_agreement(first: Batch, batch: Batch) -> None:
    """Check that the first file has every column with its type; types inferred from JSON need only be compatible."""
    here, there = batch.rows.file, first.rows.file
    if batch.by_token != first.by_token:
        kinds = {True: "tokens", False: "indices"}
        raise InputError(
            f"{here} has vectors of {kinds[batch.by_token]}, but {there} has vectors of {kinds[first.by_token]}"
        )
    known = first.documents.schema
    for column in batch.documents.schema:
        if column.name not in known.names:
            raise InputError(
                f"{here} has a column '{column.name}', but {there} does not; all files need the same columns"
            )
        expected = known.field(column.name).type
        inferred = "line" in (batch.rows.unit, first.rows.unit)
        if column.type != expected and not (inferred and _compatible(column.type, expected)):
            raise InputError(f"column '{column.name}' is {column.type} in {here}, but {expected} in {there}")


def _check_nothing_missing(first: Batch, last: Batch) -> None:
    for name in first.documents.schema.names:
        if name not in last.documents.schema.names:
            here, there = last.rows.file, first.rows.file
            raise InputError(f"{there} has a column '{name}', but {here} does not; all files need the same columns")


def _compatible(kind: pa.DataType, other: pa.DataType) -> bool:
    try:
        common_type(kind, other)
    except pa.ArrowException:
        return False
    return True
