"""Reading collections: files of documents with sparse vectors, as a stream of batches."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from index_tools.readers.arrow import read_ipc, read_parquet
from index_tools.readers.batch import Batch, Reading, Rows, Tokens, check_unique, common_type
from index_tools.readers.jsonl import read_jsonl
from index_tools.readers.spool import Collection, collect
from index_tools.readers.vocabulary import read_vocabulary
from seismic import InputError

__all__ = [
    "Batch",
    "Collection",
    "Reading",
    "Rows",
    "Tokens",
    "check_unique",
    "collect",
    "find_files",
    "read_collection",
    "read_vocabulary",
]

Reader = Callable[[Path, Reading], Iterator[Batch]]

READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".arrow": read_ipc,
    ".feather": read_ipc,
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
}


def read_collection(
    paths: Sequence[Path], reading: Reading, progress: Callable[[int, int], None] | None = None
) -> Iterator[Batch]:
    """All rows of all files, in order; folders stand for the supported files in them, sorted by name.

    Every file must have the same columns. `progress` is told (bytes read, bytes in all). Raises InputError, and
    VectorError with file, row and field.
    """
    files = find_files(paths)
    sizes = [file.stat().st_size for file in files]
    first: Batch | None = None  # the last batch of the first file: it has all columns of that file
    for number, file in enumerate(files):
        last: Batch | None = None
        for last in _reader(file)(file, reading):
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


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files behind `paths`; InputError for what is missing, unsupported or an empty folder."""
    files = []
    for path in paths:
        if path.is_dir():
            visible = (file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            inside = sorted(filter(_reader_or_none, visible))
            if not inside:
                raise InputError(f"{path}: no {_endings()} file in this folder")
            files.extend(inside)
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        else:
            _reader(path)
            files.append(path)
    return files


def _reader_or_none(path: Path) -> Reader | None:
    return next((reader for ending, reader in READERS.items() if path.name.endswith(ending)), None)


def _reader(path: Path) -> Reader:
    reader = _reader_or_none(path)
    if reader is None:
        raise InputError(f"{path}: unsupported ending; expected {_endings()}")
    return reader


def _endings() -> str:
    *endings, last = READERS
    return f"{', '.join(endings)} or {last}"


def _check_agreement(first: Batch, batch: Batch) -> None:
    """Every column is one of the first file's, of its type; types inferred from JSON need only go together."""
    here, there = batch.rows.file, first.rows.file
    if batch.by_token != first.by_token:
        kinds = {True: "tokens", False: "indices"}
        raise InputError(f"{here} has vectors of {kinds[batch.by_token]}, but {there} of {kinds[first.by_token]}")
    known = first.documents.schema
    for column in batch.documents.schema:
        if column.name not in known.names:
            raise InputError(f"{here} has a column '{column.name}', but {there} has none; all files need the same")
        expected = known.field(column.name).type
        inferred = "line" in (batch.rows.unit, first.rows.unit)
        if column.type != expected and not (inferred and _go_together(column.type, expected)):
            raise InputError(f"column '{column.name}' is {column.type} in {here}, but {expected} in {there}")


def _check_nothing_missing(first: Batch, last: Batch) -> None:
    for name in first.documents.schema.names:
        if name not in last.documents.schema.names:
            here, there = last.rows.file, first.rows.file
            raise InputError(f"{there} has a column '{name}', but {here} has none; all files need the same")


def _go_together(kind: pa.DataType, other: pa.DataType) -> bool:
    try:
        common_type(kind, other)
    except pa.ArrowException:
        return False
    return True
