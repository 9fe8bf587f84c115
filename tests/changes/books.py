"""Helpers for tests of changes to a small collection of books."""

from pathlib import Path
from typing import Any

import pyarrow as pa

import seismic
from seismic import Index, SparseVectors
from tests.naive import Row

QUERY = {"indices": [0, 1], "values": [1.0, 1.0]}


def put(path: Path, rows: dict[str, Row], **columns: list[Any]) -> int:
    documents = pa.table({"id": list(rows), **columns})
    return seismic.upsert(path, SparseVectors.from_dicts(list(rows.values())), documents)


def hits(index: Index, query: dict[str, Any] = QUERY, k: int = 10) -> list[tuple[Any, float]]:
    return [(hit.id, round(hit.score, 3)) for hit in index.search(query, k)]
