"""JSON lines: one document per line; plain or compressed with gzip or Zstandard.

`content` (the Rust reference) and `contents` (Anserini) are other names of `text`, and `_id` (BEIR) is one of `id`.
"""

import gzip
import io
import json
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import orjson
import pyarrow as pa

from seismic import InputError, VectorError
from seismic.lines import lines, without_mark
from seismic_tools.readers.batch import (
    BATCH_ROWS,
    BY_TOKEN,
    DEEPEST,
    Batch,
    Reading,
    Rows,
    id_column,
    readable,
)
from seismic_tools.readers.objects import Collector, excerpt

Compression: TypeAlias = Literal["gzip", "zstd"]

TEXT_NAMES = ("text", "content", "contents")


def read_jsonl(path: Path, reading: Reading, compression: Compression | None = None) -> Iterator[Batch]:
    """Yield the batches of JSON lines. VectorError names line and field, InputError a damaged file."""
    size = path.stat().st_size
    columns: dict[str, pa.DataType] = {}
    field: str | None = None
    with readable(path, "JSON lines"), path.open("rb") as raw:
        file = decompressed(raw, compression)  # closing it would close `raw`
        numbered = islice(numbered_lines(file, path, compression), reading.skip, None)
        while some := list(islice(numbered, BATCH_ROWS)):
            rows = Rows(path, "line", array("q", (number for number, _ in some)))
            collector = Collector(reading, field)
            try:
                for _, line in some:
                    collector.add(_document(line, collector, reading.id_field))
                field = collector.field
                documents = collector.documents(columns)
                vectors = collector.vectors(documents)
            except VectorError as error:
                raise rows.placed(error) from None
            yield Batch(rows, vectors, documents, field in BY_TOKEN, share_read(raw, size))


def is_array(path: Path) -> bool:
    """Return whether a file begins like a JSON array. Files that cannot be opened do not."""
    try:
        with path.open("rb") as file:
            return without_mark(file.read(256)).lstrip()[:1] == b"["
    except (OSError, InputError):
        return False


def share_read(raw: BinaryIO, size: int) -> float:
    """Return the share of a file that was read; 0 for pipes, which have no size."""
    return raw.tell() / size if size else 0.0


def numbered_lines(file: Iterable[bytes], path: Path, compression: Compression | None) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line) without blank lines."""
    number = 0
    try:
        for number, line in enumerate(lines(file), 1):
            if line.strip():
                yield number, line
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        kind = f"{compression} data is damaged or cut off" if compression else "cannot be read"
        raise InputError(f"{path}, after line {number}: {kind} ({error})") from None


def decompressed(raw: BinaryIO, compression: Compression | None) -> Iterable[bytes]:
    """Return the content of a file as lines."""
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if compression == "zstd":
        return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw), compression))
    return raw


_NESTED = frozenset({dict, list})
_SPACED_KEY = re.compile(rb'"\s+:')


def parse(line: bytes) -> dict[str, Any]:
    """Parse the JSON object of a line; VectorError also for repeated keys, which most parsers accept."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise VectorError(f"not valid JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(document, dict):
        raise VectorError(f"found a JSON {type(document).__name__}, expected an object")
    # Every key ends in `":`, or in `"` and white space before the colon. If their number equals that of the keys kept,
    # no key was repeated, and the slow parser is not needed.
    if line.count(b'":') != _pairs(document) or _SPACED_KEY.search(line):
        json.loads(line, object_pairs_hook=_unique)
    return document


def _pairs(value: Any, depth: int = 1) -> int:
    """Count the keys in a parsed value at all depths; VectorError if it is nested too deep."""
    if depth > DEEPEST:
        raise VectorError(f"nested more than {DEEPEST} deep, expected flatter metadata")
    keys, children = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    if not _NESTED.isdisjoint(map(type, children)):  # usually true, for lists of numbers
        keys += sum(_pairs(child, depth + 1) for child in children if type(child) in _NESTED)
    return keys


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise VectorError("found the same key twice in one object", field=key)
        result[key] = value
    return result


def _document(line: bytes, collector: Collector, id_field: str | None) -> dict[str, Any]:
    """Return the object of a line with `id` and `text` under these names; VectorError names its row."""
    try:
        document = parse(line)
        if collector.reading.texts:
            document = collector.reading.texts.flat(document)
        _rename_text(document)
        _rename_id(document, id_field)
    except VectorError as error:
        raise collector.placed(error) from None
    return document


def _rename_text(document: dict[str, Any]) -> None:
    found = [name for name in TEXT_NAMES if name in document]
    if len(found) > 1:
        raise VectorError(f"found {' and '.join(found)}, which are names of the same field; expected one of them")
    if found:
        text = document.pop(found[0])
        if not (text is None or isinstance(text, str)):
            raise VectorError(f"found {excerpt(text)}, expected a string", field=found[0])
        document["text"] = text


def _rename_id(document: dict[str, Any], id_field: str | None) -> None:
    name = id_column(document, id_field)
    if type(document[name]) not in (str, int):
        raise VectorError(f"found {excerpt(document[name])}, expected a string or an integer", field=name)
    if name != "id":
        document["id"] = document.pop(name)
