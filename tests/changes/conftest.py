"""A small collection to change."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors, Vocabulary


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Create three documents: a {0: 1}, b {1: 2}, c {2: 3}."""
    documents = pa.table({"id": ["a", "b", "c"], "title": ["A", "B", "C"], "year": pa.array([1, 2, 3], pa.int32())})
    vectors = SparseVectors.from_dicts([{0: 1.0}, {1: 2.0}, {2: 3.0}], 4)
    seismic.build(vectors, tmp_path / "books", documents=documents, vocabulary=Vocabulary("wxyz"))
    return tmp_path / "books"
