"""Parquet, and Arrow IPC as files (.arrow, .feather) and as streams (Hugging Face datasets)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from seismic import SparseVectors, VectorError
from seismic.conversion.plain import excerpt
from seismic.export.tables import METADATA
from seismic.vectors import MAX_DIMENSION
from seismic_tools.readers.batch import (
    BATCH_ROWS,
    BY_TOKEN,
    TO_ENCODE,
    VECTOR_FIELDS,
    Batch,
    BrokenFileError,
    Reading,
    Rows,
    document_table,
    readable,
    token_vectors,
    vector_field,
)

Triple = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[Any]]

_FILE_MAGIC = b"ARROW1"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_parquet(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of a Parquet file. VectorError names row and field, InputError a damaged file."""
    options = {"page_checksum_verification": True, "pre_buffer": False}  # the buffer would keep everything read
    with readable(path, "Parquet"), pq.ParquetFile(path, **options) as file:
        total = file.metadata.num_rows
        yield from _read(
            path, _with_dimension(reading, file.schema_arrow), file.iter_batches(BATCH_ROWS), lambda rows: rows / total
        )


def _with_dimension(reading: Reading, schema: pa.Schema) -> Reading:
    """Return the reading with the dimension that an export notes, unless one is given."""
    noted = (schema.metadata or {}).get(METADATA)
    if noted is None or reading.dimension is not None or "indices" not in schema.names:
        return reading
    try:
        dimension = orjson.loads(noted)["dimension"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BrokenFileError(f"metadata '{METADATA.decode()}': expected that of an export ({error})") from None
    if type(dimension) is not int or not 0 <= dimension <= MAX_DIMENSION:
        raise BrokenFileError(f"metadata '{METADATA.decode()}': found dimension {excerpt(dimension)}")
    return reading._replace(dimension=dimension)


def read_ipc(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of an Arrow IPC file or stream. VectorError names row and field, InputError a damaged file."""
    with readable(path, "Arrow IPC"), pa.memory_map(str(path)) as raw:
        is_file = raw.read(len(_FILE_MAGIC)) == _FILE_MAGIC
        raw.seek(0)
        if is_file:
            with pa.ipc.open_file(raw) as file:
                batches = (file.get_batch(number) for number in range(file.num_record_batches))
                total = file.count_rows()
                yield from _read(path, reading, _slices(batches), lambda rows: rows / total)
        else:
            _check_end_of_stream(raw)
            with pa.ipc.open_stream(raw) as stream:
                yield from _read(path, reading, _slices(stream), lambda _: raw.tell() / raw.size())


def _check_end_of_stream(raw: pa.MemoryMappedFile) -> None:
    """Check the end marker, because Arrow accepts a stream that is cut off between two messages."""
    raw.seek(max(0, raw.size() - len(_END_OF_STREAM)))
    if raw.read() != _END_OF_STREAM:
        raise BrokenFileError("found neither a file nor a complete stream")
    raw.seek(0)


def read_batches(
    path: Path, reading: Reading, batches: Iterable[pa.RecordBatch], share: Callable[[int], float]
) -> Iterator[Batch]:
    """Yield the rows of Arrow batches that do not come from a file of this format."""
    yield from _read(path, reading, _slices(batches), share)


def _slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, len(batch), BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _read(
    path: Path, reading: Reading, batches: Iterable[pa.RecordBatch], share: Callable[[int], float]
) -> Iterator[Batch]:
    """Yield batches; `share` maps rows so far to the share of the file."""
    first = 0
    for whole in batches:
        batch = whole.slice(max(0, reading.skip - first))
        first += len(whole) - len(batch)
        if len(batch) == 0:
            continue
        rows = Rows(path, "row", range(first, first + len(batch)))
        first += len(batch)
        try:
            _check_intact(batch)
            if reading.texts:
                batch = reading.texts.named(batch)
            field = vector_field(_vector_columns(batch), reading.texts, batch.schema.names)
            documents = _documents(batch, reading.id_field)
            vectors = _vectors(batch, field, reading, documents)
        except VectorError as error:
            raise rows.placed(error) from None
        yield Batch(rows, vectors, documents, field in BY_TOKEN, share(first))


def _check_intact(batch: pa.RecordBatch) -> None:
    """Check that names are unique, text is UTF-8, and offsets stay inside their buffers; no format guarantees it."""
    for name in batch.schema.names:
        if batch.schema.names.count(name) > 1:
            raise VectorError("found two columns of this name", field=name)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            row = next((row for row in range(len(column)) if not _intact(column.slice(row, 1))), None)
            raise VectorError(f"damaged, or text that is not UTF-8 ({error})", row=row, field=name) from None


def _intact(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _vector_columns(batch: pa.RecordBatch) -> frozenset[str]:
    """Return the columns of the vector. A list of `tokens` has no weights, so it is an ordinary column."""
    lists = {field.name for field in batch.schema if pa.types.is_list(field.type) or pa.types.is_large_list(field.type)}
    return VECTOR_FIELDS.intersection(batch.schema.names) - ({"tokens"} & lists)


def _documents(batch: pa.RecordBatch, id_field: str | None) -> pa.Table:
    """Return the other columns. Dictionaries are decoded, because they may change between batches."""
    columns, vector = {}, _vector_columns(batch)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in vector:
            columns[name] = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return document_table(columns, id_field)


def _vectors(batch: pa.RecordBatch, field: str, reading: Reading, documents: pa.Table) -> SparseVectors:
    if reading.texts and field == TO_ENCODE:
        return reading.texts.vectors(documents)
    if field == "indices":
        return SparseVectors.from_arrow(batch, reading.dimension, repair=reading.repair)
    column = batch.column(field)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise VectorError("found null, expected a map (an empty one is allowed)", row=row, field=field)
    if pa.types.is_map(column.type):
        triple = _from_map(column, field, reading.tokens.__getitem__)
    elif pa.types.is_struct(column.type):
        triple = _from_struct(column, field, reading.tokens.__getitem__)
    else:
        raise VectorError(f"found a column of {column.type}, expected a map or a struct of weights", field=field)
    return token_vectors(*triple, reading, field)


def _from_map(column: pa.MapArray, field: str, component: Callable[[str], int]) -> Triple:
    """Return the CSR triple of map<string, number>; every distinct token is looked up once."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    starts = offsets - offsets[0]
    keys, items = column.keys[offsets[0] : offsets[-1]], column.items[offsets[0] : offsets[-1]]
    if not (pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type)):
        raise VectorError(f"found keys of {keys.type}, expected strings", field=field)
    weights = _weights(items, field)
    if items.null_count:
        row = _row_of(starts, items.is_null().to_pylist().index(True))
        raise VectorError("found a null weight", row=row, field=field)
    encoded = keys.dictionary_encode()
    codes = encoded.indices.to_numpy()
    components = np.zeros(len(encoded.dictionary), np.int64)
    for code, token in enumerate(encoded.dictionary.to_pylist()):
        try:
            components[code] = component(token)
        except KeyError:
            row = _row_of(starts, int(np.argmax(codes == code)))
            raise VectorError(f"token {token!r} is not in the vocabulary", row=row, field=field) from None
    return starts, components[codes], weights


def _from_struct(column: pa.StructArray, field: str, component: Callable[[str], int]) -> Triple:
    """Return the CSR triple of a struct with a field per token; null means that the token is absent."""
    rows, components, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for token, child in zip(column.type.names, column.flatten(), strict=True):
        present = np.flatnonzero(child.is_valid().to_numpy(zero_copy_only=False))
        if len(present) == 0:
            continue
        try:
            components.append(np.full(len(present), component(token)))
        except KeyError:
            message = f"token {token!r} is not in the vocabulary"
            raise VectorError(message, row=int(present[0]), field=field) from None
        rows.append(present)
        weights.append(_weights(child.drop_null(), field))
    owners = np.concatenate(rows)
    order = np.argsort(owners, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(column)))])
    return starts, np.concatenate(components)[order], np.concatenate(weights)[order]


def _weights(array: pa.Array, field: str) -> npt.NDArray[Any]:
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
        raise VectorError(f"found weights of {array.type}, expected numbers", field=field)
    weights: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return weights


def _row_of(starts: npt.NDArray[np.int64], at: int) -> int:
    return int(np.searchsorted(starts, at, side="right")) - 1
