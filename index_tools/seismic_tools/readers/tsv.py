"""Tab-separated lines of an id and a text, the format of the collections and queries of MS MARCO."""

from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from seismic import VectorError
from seismic_tools.readers.batch import BATCH_ROWS, Batch, Reading, Rows, document_table, readable, vector_field
from seismic_tools.readers.jsonl import Compression, decompressed, numbered_lines, share_read


def read_tsv(path: Path, reading: Reading, compression: Compression | None = None) -> Iterator[Batch]:
    """Yield the batches of lines, which have no vectors. VectorError names the line, InputError a damaged file."""
    size = path.stat().st_size
    with readable(path, "tab-separated lines"), path.open("rb") as raw:
        file = decompressed(raw, compression)  # closing it would close `raw`
        numbered = islice(numbered_lines(file, path, compression), reading.skip, None)
        while some := list(islice(numbered, BATCH_ROWS)):
            rows = Rows(path, "line", array("q", (number for number, _ in some)))
            try:
                vector_field((), reading.texts, ("id", "text"))
                fields = [_fields(line, row) for row, (_, line) in enumerate(some)]
                ids, texts = zip(*fields, strict=True)
                documents = document_table({"id": pa.array(ids), "text": pa.array(texts)})
                assert reading.texts  # or there would be no field
                yield Batch(rows, reading.texts.vectors(documents), documents, False, share_read(raw, size))
            except VectorError as error:
                raise rows.placed(error) from None


def _fields(line: bytes, row: int) -> tuple[str, str]:
    try:
        fields = line.decode().split("\t")
    except UnicodeDecodeError as error:
        raise VectorError(f"byte {error.start} is not UTF-8", row=row) from None
    if len(fields) != 2 or not fields[0]:
        raise VectorError(f"found {len(fields)} fields, expected an id, a tab and a text", row=row)
    return fields[0], fields[1]
