"""JSON lines: `id` and the other columns, then `vector` if tokens are known, else `indices` and `values`."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from seismic import InputError
from seismic_tools.readers.jsonl import Compression
from seismic_tools.writers.base import Writing
from seismic_tools.writers.parts import Chunk, Parts


def write_jsonl(path: Path, parts: Parts, writing: Writing, compression: Compression | None = None) -> list[str]:
    """Write one line per document; InputError for values that JSON cannot hold."""
    names = None if writing.tokens is None else np.array(writing.tokens, object)
    with pa.output_stream(str(path), compression=compression) as file:
        for chunk in writing.chunks(parts):
            for row, document in enumerate(chunk.documents.to_pylist()):
                file.write(_line({**document, **_vector(chunk, row, names)}))
    return []


def _vector(chunk: Chunk, row: int, names: Any) -> dict[str, Any]:
    components, values = chunk.vectors[row]
    if names is None:
        return {"indices": components.tolist(), "values": values}
    return {"vector": dict(zip(names[components].tolist(), values, strict=True))}


def _line(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        raise InputError(f"document {document['id']!r} has a value that JSON cannot hold: {error}") from None
