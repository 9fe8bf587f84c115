"""Arrow IPC files: written once, hashed, and memory-mapped."""

import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import xxhash

from seismic.errors import CorruptIndexError, StorageError
from seismic.store.failures import read_error
from seismic.store.manifest import FileEntry
from seismic.store.sections import hash_sections

HASH_CHUNK = 1 << 22


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> FileEntry:
    """Write an Arrow IPC file and return its manifest entry. The hash covers the bytes handed to the file system."""
    rows = 0
    with path.open("wb") as file:
        sink = HashingSink(file)
        with pa.ipc.new_file(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
    try:
        sections = hash_sections(path)
    except (pa.ArrowException, ValueError) as error:  # a part was not written
        raise StorageError(f"{path} does not read back as it was written: {error}; the disk may be failing") from None
    return FileEntry(bytes=sink.bytes, rows=rows, xxh3_128=sink.digest.hexdigest(), sections=sections)


class HashingSink:
    """Sink for Arrow that hashes what it writes; with None it only hashes."""

    closed = False

    def __init__(self, file: BinaryIO | None) -> None:
        self._file, self.digest, self.bytes = file, xxhash.xxh3_128(), 0

    def write(self, data: "pa.Buffer | bytes") -> None:
        """Hash and write the bytes."""
        if self._file:
            self._file.write(data)
        self.digest.update(data)
        self.bytes += len(data)

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.bytes

    def flush(self) -> None:
        """Flush the file."""
        if self._file:
            self._file.flush()


def hash_file(path: Path) -> str:
    """Return the hex xxh3-128 of a file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as source:
        while chunk := source.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, survive a power cut. The next read comes from disk, not cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def map_table(path: Path, entry: FileEntry) -> pa.Table:
    """Memory-map an Arrow IPC file. Checks size, magic, footer and row count; does not read the body."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            raise CorruptIndexError(f"{path}: found {size} bytes, expected {entry.bytes}; restore it or build again")
        with path.open("rb") as source:
            mapping = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
        table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapping))).read_all()
        table.validate()
        names_of(table.schema)  # pyarrow decodes names lazily
    except FileNotFoundError:
        raise CorruptIndexError(
            f"{path} is missing, although the manifest lists it; restore it or build again"
        ) from None
    except OSError as error:
        raise read_error(path, error, "restore it or build again", "is not a readable Arrow file") from None
    except (pa.ArrowException, ValueError) as error:
        raise CorruptIndexError(f"{path} is not a readable Arrow file: {error}") from None
    if table.num_rows != entry.rows:
        raise CorruptIndexError(f"{path}: found {table.num_rows} rows, expected {entry.rows}")
    return table


def map_batch(path: Path, entry: FileEntry, schema: pa.Schema, unused: Sequence[str] = ()) -> pa.RecordBatch:
    """Memory-map a file of one record batch with exactly this schema; drops the `unused` columns if it has them."""
    table = map_table(path, entry)
    table = table.drop_columns([name for name in unused if name in table.column_names])
    if not table.schema.equals(schema):
        raise CorruptIndexError(f"{path}: found columns {names_of(table.schema)}, expected {names_of(schema)}")
    if any(column.null_count for column in table.columns):
        raise CorruptIndexError(f"{path}: found nulls, expected none")
    batches = table.to_batches()
    if len(batches) > 1:
        raise CorruptIndexError(f"{path}: found {len(batches)} record batches, expected one")
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema)


def names_of(schema: pa.Schema) -> str:
    """Return the names and types of the columns, for messages."""
    return ", ".join(f"{field.name} {field.type}" for field in schema)
