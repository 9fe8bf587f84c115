"""Arrow IPC files: written whole, hashed, and memory-mapped."""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import xxhash

from seismic.errors import CorruptIndexError
from seismic.store.manifest import FileEntry

HASH_CHUNK = 1 << 22


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> FileEntry:
    """Write an Arrow IPC file and make it durable; its entry for the manifest."""
    rows = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    fsync(path)
    return FileEntry(bytes=path.stat().st_size, rows=rows, xxh3_128=hash_file(path))


def hash_file(path: Path) -> str:
    """xxh3-128 of a file's bytes, in hex."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as source:
        while chunk := source.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def map_table(path: Path, entry: FileEntry) -> pa.Table:
    """Memory-map an Arrow IPC file. Size, magic, footer and row count are checked; the body is not read."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            raise CorruptIndexError(f"{path}: found {size} bytes, expected {entry.bytes}; restore it or build again")
        with path.open("rb") as source:
            mapping = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
        table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapping))).read_all()
        table.validate()
        _names(table.schema)  # pyarrow decodes them only now
    except FileNotFoundError:
        raise CorruptIndexError(
            f"{path} is missing, although the manifest lists it; restore it or build again"
        ) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptIndexError(f"{path} is not a readable Arrow file: {error}") from None
    if table.num_rows != entry.rows:
        raise CorruptIndexError(f"{path}: found {table.num_rows} rows, expected {entry.rows}")
    return table


def map_batch(path: Path, entry: FileEntry, schema: pa.Schema) -> pa.RecordBatch:
    """Memory-map a file of one record batch with just this schema."""
    table = map_table(path, entry)
    if not table.schema.equals(schema):
        raise CorruptIndexError(f"{path}: found columns {_names(table.schema)}, expected {_names(schema)}")
    if any(column.null_count for column in table.columns):
        raise CorruptIndexError(f"{path}: found nulls, expected none")
    batches = table.to_batches()
    if len(batches) > 1:
        raise CorruptIndexError(f"{path}: found {len(batches)} record batches, expected one")
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema)


def _names(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
