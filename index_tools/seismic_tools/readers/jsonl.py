"""JSON lines: one document per line; plain or compressed with gzip or Zstandard.

`content` (the Rust reference) and `contents` (Anserini) are other names of `text`, and `_id` (BEIR) is one of `id`.
"""

import gzip
import io
import json
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
import orjson
import pyarrow as pa

from seismic import InputError, SparseVectors, VectorError
from seismic.lines import lines
from seismic_tools.readers.batch import (
    BATCH_ROWS,
    BY_TOKEN,
    DEEPEST,
    TO_ENCODE,
    VECTOR_FIELDS,
    Batch,
    Reading,
    Rows,
    common_type,
    document_table,
    id_column,
    readable,
    token_vectors,
    vector_field,
)

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
            collector = _Collector(reading, field)
            try:
                for _, line in some:
                    collector.add(line)
                field = collector.field
                documents = collector.documents(columns)
                vectors = collector.vectors(documents)
            except VectorError as error:
                raise rows.placed(error) from None
            yield Batch(rows, vectors, documents, field in BY_TOKEN, share_read(raw, size))


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


class _Collector:
    """Collects the rows of one batch in arrays. `field`: the vector field of this file, if known."""

    def __init__(self, reading: Reading, field: str | None) -> None:
        self.reading, self.field = reading, field
        self.starts, self.components, self.weights = array("q", [0]), array("q"), array("d")
        self.columns: dict[str, list[Any]] = {}
        self.count = 0

    def add(self, line: bytes) -> None:
        """Add a row; VectorError names it."""
        try:
            self._add(parse(line))
        except VectorError as error:
            raise VectorError(error.problem, row=self.count, field=error.field) from None
        self.count += 1

    def _add(self, document: dict[str, Any]) -> None:
        if self.reading.texts:
            document = self.reading.texts.flat(document)
        _rename_text(document)
        field = vector_field(document, self.reading.texts, document)
        self.field = self.field or field
        if field != self.field:
            raise VectorError(f"found '{field}', expected '{self.field}' as on the lines before")
        if field == "indices":
            self._add_pairs(document["indices"], document["values"])
        elif field != TO_ENCODE:
            self._add_map(document[field], field)
        self.starts.append(len(self.components))
        _rename_id(document, self.reading.id_field)
        for name, value in document.items():
            if name not in VECTOR_FIELDS:
                column = self.columns.setdefault(name, [])
                column.extend([None] * (self.count - len(column)))
                column.append(value)

    def _add_pairs(self, indices: Any, values: Any) -> None:
        for name, numbers, kinds in (("indices", indices, {int}), ("values", values, {int, float})):
            if not isinstance(numbers, list):
                raise VectorError(f"found {_excerpt(numbers)}, expected a list of numbers", field=name)
            if not set(map(type, numbers)) <= kinds:
                wrong = next(number for number in numbers if type(number) not in kinds)
                raise VectorError(f"found {_excerpt(wrong)}, expected {_NUMBERS[name]}", field=name)
        if len(indices) != len(values):
            raise VectorError(f"found {len(indices)} indices and {len(values)} values, expected equal numbers")
        try:
            self.components.extend(indices)
        except OverflowError:
            raise VectorError(f"found component {max(indices)}, which is too large", field="indices") from None
        self.weights.extend(values)

    def _add_map(self, weights: Any, field: str) -> None:
        if not isinstance(weights, Mapping):
            raise VectorError(f"found {_excerpt(weights)}, expected an object from token to weight", field=field)
        if not set(map(type, weights.values())) <= {int, float}:
            token, wrong = next((t, w) for t, w in weights.items() if type(w) not in (int, float))
            raise VectorError(f"found {_excerpt(wrong)} as weight of {token!r}, expected a number", field=field)
        try:
            self.components.extend(map(self.reading.tokens.__getitem__, weights))
        except KeyError as error:
            raise VectorError(f"token {error.args[0]!r} is not in the vocabulary", field=field) from None
        self.weights.extend(weights.values())

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """Return the checked vectors, or those of the encoded texts; errors name the row of the batch."""
        if self.reading.texts and self.field == TO_ENCODE:
            return self.reading.texts.vectors(documents)
        starts, components = np.frombuffer(self.starts, np.int64), np.frombuffer(self.components, np.int64)
        weights = np.frombuffer(self.weights, np.float64)
        if self.field in BY_TOKEN:
            return token_vectors(starts, components, weights, self.reading, self.field)
        dimension, repair = self.reading.dimension, self.reading.repair
        return SparseVectors.from_arrays(starts, components, weights, dimension, repair=repair)

    def documents(self, known: dict[str, pa.DataType]) -> pa.Table:
        """Return the other fields as columns. `known`: columns of the file so far and their types; updated."""
        arrays = {}
        for name in [*known, *(name for name in self.columns if name not in known)]:
            values = self.columns.get(name, [])
            values.extend([None] * (self.count - len(values)))
            arrays[name] = _column(name, values, known.get(name, pa.null()))
            known[name] = arrays[name].type
        return document_table(arrays)


_NUMBERS = {"indices": "an integer", "values": "a number"}


def _rename_text(document: dict[str, Any]) -> None:
    found = [name for name in TEXT_NAMES if name in document]
    if len(found) > 1:
        raise VectorError(f"found {' and '.join(found)}, which are names of the same field; expected one of them")
    if found:
        text = document.pop(found[0])
        if not (text is None or isinstance(text, str)):
            raise VectorError(f"found {_excerpt(text)}, expected a string", field=found[0])
        document["text"] = text


def _rename_id(document: dict[str, Any], id_field: str | None) -> None:
    name = id_column(document, id_field)
    if type(document[name]) not in (str, int):
        raise VectorError(f"found {_excerpt(document[name])}, expected a string or an integer", field=name)
    if name != "id":
        document["id"] = document.pop(name)


def _column(name: str, values: list[Any], known: pa.DataType) -> pa.Array:
    """Return `values` as an array of the common type of `known` and their own."""
    try:
        array = pa.array(values)
        return array.cast(common_type(known, array.type))
    except (pa.ArrowException, OverflowError):
        pass  # the loop finds the value that does not fit
    kind = known
    for row, value in enumerate(values):
        try:
            kind = common_type(kind, pa.array([value]).type)
        except (pa.ArrowException, OverflowError):
            raise VectorError(f"found {_excerpt(value)}, expected {kind} as before", row=row, field=name) from None
    raise VectorError(f"found integers that {kind} cannot hold exactly; write them as strings", field=name)


def _excerpt(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
