"""Read collections: files of documents with sparse vectors, as a stream of batches."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seismic import InputError
from seismic_tools.readers.arrow import read_ipc, read_parquet
from seismic_tools.readers.batch import NO_DOCUMENTS, Batch, Reading, Rows, Tokens, check_unique, common_type
from seismic_tools.readers.ciff import read_ciff
from seismic_tools.readers.csr import read_csr
from seismic_tools.readers.huggingface import dataset_files, is_dataset
from seismic_tools.readers.inner import read_inner
from seismic_tools.readers.jsonl import read_jsonl
from seismic_tools.readers.npz import read_npz
from seismic_tools.readers.spool import Collection, collect, folder_for
from seismic_tools.readers.texts import TEXT, Texts, field_names
from seismic_tools.readers.times import kinds_of, with_times
from seismic_tools.readers.tsv import read_tsv
from seismic_tools.readers.vocabulary import read_vocabulary

__all__ = [
    "BEGINNING",
    "INPUTS",
    "READERS",
    "TEXT",
    "Batch",
    "Collection",
    "Reading",
    "Rows",
    "Start",
    "Texts",
    "Tokens",
    "check_unique",
    "collect",
    "ending_of",
    "field_names",
    "find_files",
    "find_named",
    "folder_for",
    "kinds_of",
    "read_collection",
    "read_vocabulary",
    "reader_of",
    "with_times",
]

Reader = Callable[[Path, Reading], Iterator[Batch]]

READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".arrow": read_ipc,
    ".feather": read_ipc,
    ".jsonl": read_jsonl,
    ".jsonl.gz": partial(read_jsonl, compression="gzip"),
    ".jsonl.zst": partial(read_jsonl, compression="zstd"),
    ".json": read_jsonl,
    ".json.gz": partial(read_jsonl, compression="gzip"),
    ".tsv": read_tsv,
    ".tsv.gz": partial(read_tsv, compression="gzip"),
    ".csr": read_csr,
    ".csr.gz": partial(read_csr, compression="gzip"),
    ".npz": read_npz,
    ".bin": read_inner,
    ".ciff": read_ciff,
    ".ciff.gz": partial(read_ciff, compression="gzip"),
}
"""Ending of a file name -> its reader."""

LAST_RESORT = (".json", ".json.gz", ".tsv", ".tsv.gz")
"""Endings read from a folder only if it has no files with other endings, because many other files have them."""

INPUTS = f"{', '.join(READERS)}, or folders of them."
"""Help text for the inputs of commands."""


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
) -> Iterator[Batch]:
    """Yield all rows of all files, in order; a folder stands for the supported files in it, sorted by name.

    Every file must have the same columns. Rows of formats without ids are numbered across all files. `progress` is
    called with (bytes read, total). `ending` overrides the format given by the file names. Raises InputError, and
    VectorError with file, row and field.
    """
    files = find_files(paths, ending)
    sizes = [file.stat().st_size for file in files]
    first, rows = start.first, start.rows  # the last batch of a file has all of its columns
    for number, file in enumerate(files[start.file :], start.file):
        last: Batch | None = None
        here = reading._replace(skip=start.row if number == start.file else 0)
        for last in reader_of(file, ending)(file, here):
            if last.documents is NO_DOCUMENTS:
                if reading.texts and reading.texts.always:
                    raise InputError(f"{file}: found only vectors, expected texts to encode")
                last = last._replace(documents=pa.table({"id": np.arange(rows, rows + len(last.vectors))}))
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


def find_files(paths: Sequence[Path], ending: str | None = None) -> list[Path]:
    """Return the files of `paths`; InputError for missing or unsupported files and for empty folders."""
    files = []
    for path in paths:
        if is_dataset(path):
            files.extend(dataset_files(path))
        elif path.is_dir():
            files.extend(_files_of_folder(path, ending))
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        else:
            reader_of(path, ending)
            files.append(path)
    return files


def _files_of_folder(folder: Path, ending: str | None) -> list[Path]:
    visible = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    inside = visible if ending else [file for file in visible if ending_of(file)]
    chosen = [file for file in inside if ending or ending_of(file) not in LAST_RESORT] or inside
    if not chosen:
        raise InputError(f"{folder}: found no supported file, expected {_endings()}")
    return chosen


def find_named(folder: Path, name: str) -> Path:
    """Return the file or dataset `name` in a folder, with any supported ending; InputError if there is none."""
    if is_dataset(folder / name):
        return folder / name
    found = [folder / f"{name}{ending}" for ending in READERS if (folder / f"{name}{ending}").is_file()]
    if not found:
        raise InputError(f"{folder}: found no {name}{next(iter(READERS))}, nor {name} with another supported ending")
    return found[0]


def ending_of(path: Path) -> str | None:
    """Return the supported ending of a file name, or None."""
    return next((ending for ending in READERS if path.name.endswith(ending)), None)


def reader_of(path: Path, ending: str | None = None) -> Reader:
    """Return the reader of a file; InputError if there is none."""
    known = ending or ending_of(path)
    if known not in READERS:
        raise InputError(f"{path}: unsupported ending{f' {ending}' if ending else ''}; expected {_endings()}")
    return READERS[known]


def _endings() -> str:
    *endings, last = READERS
    return f"{', '.join(endings)} or {last}"


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
