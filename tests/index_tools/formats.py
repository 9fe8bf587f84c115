"""The twelve documents of tests/data/formats, and files of them in every format."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seismic import SparseVectors
from seismic_tools.readers import Batch, Reading, Tokens, read_collection
from tests.naive import Row

DATA = Path(__file__).parents[1] / "data" / "formats"
DOCUMENTS = [json.loads(line) for line in (DATA / "documents.jsonl").read_text(encoding="utf-8").splitlines()]
TOKENS = sorted({token for document in DOCUMENTS for token in document["vector"]})
ROWS: list[Row] = [
    {TOKENS.index(token): weight for token, weight in sorted(document["vector"].items())} for document in DOCUMENTS
]
VECTORS = SparseVectors.from_dicts(ROWS, len(TOKENS))


def read(*paths: Path, tokens: Sequence[str] | None = TOKENS, ending: str | None = None, **options: Any) -> list[Batch]:
    """Read all batches; `tokens` None numbers tokens in order of appearance."""
    known = Tokens() if tokens is None else Tokens(tokens, growing=False)
    return list(read_collection(paths, Reading(known, **options), ending=ending))


def write_csr(path: Path, vectors: SparseVectors = VECTORS, **changes: int) -> Path:
    """Write the format that big-ann-benchmarks defines, with a header that may lie."""
    header = {"rows": len(vectors), "columns": vectors.dimension, "nnz": vectors.nnz} | changes
    arrays = (vectors.indptr.astype("<i8"), vectors.components.astype("<i4"), vectors.values.astype("<f4"))
    data = b"".join(array.tobytes() for array in (np.array(list(header.values()), "<i8"), *arrays))
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def as_table() -> pa.Table:
    return pa.table(
        {
            "id": [document["id"] for document in DOCUMENTS],
            "indices": pa.array([list(row) for row in ROWS], pa.list_(pa.uint16())),
            "values": pa.array([list(row.values()) for row in ROWS], pa.list_(pa.float32())),
        }
    )


def _write_parquet(path: Path) -> None:
    pq.write_table(as_table(), path, compression="none")


def _write_arrow(path: Path) -> None:
    with pa.ipc.new_file(str(path), as_table().schema) as writer:
        writer.write_table(as_table())


def _write_stream(path: Path) -> None:
    with pa.ipc.new_stream(str(path), as_table().schema) as writer:
        writer.write_table(as_table(), max_chunksize=5)


def _write_zst(path: Path) -> None:
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write((DATA / "documents.jsonl").read_bytes())


FORMATS = {
    "x.parquet": _write_parquet,
    "x.arrow": _write_arrow,
    "stream.arrow": _write_stream,
    "x.jsonl": lambda path: path.write_bytes((DATA / "documents.jsonl").read_bytes()),
    "x.jsonl.gz": lambda path: path.write_bytes(gzip.compress((DATA / "documents.jsonl").read_bytes(), mtime=0)),
    "x.jsonl.zst": _write_zst,
    "x.csr": write_csr,
    "x.csr.gz": write_csr,
    "x.npz": lambda path: path.write_bytes((DATA / "matrix.npz").read_bytes()),
    "stored.npz": lambda path: path.write_bytes((DATA / "array-stored.npz").read_bytes()),
    "x.bin": lambda path: path.write_bytes((DATA / "documents.bin").read_bytes()),
    "x.ciff": lambda path: path.write_bytes((DATA / "documents.ciff").read_bytes()),
    "x.ciff.gz": lambda path: path.write_bytes(gzip.compress((DATA / "documents.ciff").read_bytes(), mtime=0)),
}
"""Name of a file -> what writes the twelve documents to it."""
