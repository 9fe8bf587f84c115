"""Write an export to a file, which appears when it is complete."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pyarrow as pa

from seismic.errors import OutputExistsError, ParameterError
from seismic.export.formats import Format, encode
from seismic.export.tables import Selection, read_tables
from seismic.store.failures import file_errors
from seismic.store.files import fsync

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""progress(stage, documents done, total)."""


class Ending(NamedTuple):
    """The format that an ending of a file name stands for, and its compression."""

    format: Format
    compression: str | None = None


ENDINGS = {
    ".parquet": Ending("parquet"),
    ".jsonl": Ending("jsonl"),
    ".jsonl.gz": Ending("jsonl", "gzip"),
    ".jsonl.zst": Ending("jsonl", "zstd"),
    ".ndjson": Ending("jsonl"),
    ".ndjson.gz": Ending("jsonl", "gzip"),
    ".ndjson.zst": Ending("jsonl", "zstd"),
}


def ending_of(to: Path) -> Ending:
    """Return what the ending of a file name stands for. Raises ParameterError."""
    for ending, found in ENDINGS.items():
        if to.name.lower().endswith(ending):
            return found
    raise ParameterError(f"{to}: cannot export to this format, expected a file name with {', '.join(ENDINGS)}")


def check_free(to: Path, *, replace: bool) -> None:
    """Raise OutputExistsError if the file exists and must not be replaced."""
    with file_errors("write", to):
        if to.exists() and not (replace and to.is_file()):
            raise OutputExistsError(f"{to} exists; choose another name, or replace it (--replace)")


@contextmanager
def writing_to(to: Path, compression: str | None) -> Iterator[pa.NativeFile]:
    """Yield a file that gets its name at the end of the block; a failure removes it. Raises StorageError."""
    with file_errors("write", to):
        descriptor, name = tempfile.mkstemp(prefix=f".{to.name}-", dir=to.parent)
        os.close(descriptor)
        unfinished = Path(name)
        try:
            unfinished.chmod(0o644)  # mkstemp's files are private
            with pa.output_stream(name, compression=compression) as sink:
                yield sink
            fsync(unfinished)
            unfinished.replace(to)
            fsync(to.parent)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def write_file(to: Path, selection: Selection, *, replace: bool = False, progress: Progress | None = None) -> int:
    """Write documents to a file and return their number.

    Raises ParameterError, OutputExistsError, InputError for types that the format cannot hold, or StorageError.
    """
    ending, done = ending_of(to), 0
    check_free(to, replace=replace)

    def counted() -> Iterator[pa.Table]:
        nonlocal done
        for table in read_tables(selection):
            yield table
            done += len(table)
            if progress:
                progress("export", done, selection.size)

    with writing_to(to, ending.compression) as sink:
        for part in encode(counted(), selection.schema, ending.format):
            sink.write(part)
    return done
