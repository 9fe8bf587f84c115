"""A small collection to change."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors, Vocabulary


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Create three documents: a {0: 1}, b {1: 2}, c {2: 3}."""
    return build_books(tmp_path / "books")


@pytest.fixture
def strict_books(tmp_path: Path) -> Path:
    """Create the same documents in a strict collection."""
    return build_books(tmp_path / "books", strict=True)


def build_books(path: Path, strict: bool = False) -> Path:
    documents = pa.table({"id": ["a", "b", "c"], "title": ["A", "B", "C"], "year": pa.array([1, 2, 3], pa.int32())})
    vectors = SparseVectors.from_dicts([{0: 1.0}, {1: 2.0}, {2: 3.0}], 4)
    seismic.build(vectors, path, documents=documents, vocabulary=Vocabulary("wxyz"), strict=strict)
    return path
