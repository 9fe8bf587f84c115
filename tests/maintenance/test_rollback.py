"""Rollback of a collection with changes; tests/store/test_history.py tests rollback without changes."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import InputError, SparseVectors, StorageError
from seismic.changes.updates import Writer


def publish(path: Path, dimension: int, **columns: list[str]) -> None:
    documents = pa.table({"id": ["a"], **columns})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], dimension), path, documents=documents, replace=True, strict=True)


def put(path: Path, component: int, **columns: list[str]) -> None:
    vectors = SparseVectors.from_dicts([{component: 1.0}], component + 1)
    seismic.upsert(path, vectors, pa.table({"id": ["b"], **columns}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Create a generation of dimension 4, and a served one of dimension 8 with another column."""
    publish(tmp_path / "c", 4)
    publish(tmp_path / "c", 8, title=["A"])
    return tmp_path / "c"


def test_changes_that_fit_are_kept(path: Path) -> None:
    seismic.delete(path, ["a"])
    assert seismic.rollback(path) == "000001"
    put(path, 3)
    with seismic.open(path) as index:
        assert index.find(["a", "b"]).tolist() == [-1, 1]


def test_no_generation_is_served_that_changes_do_not_fit(path: Path) -> None:
    put(path, 7)
    with pytest.raises(StorageError, match=r"change 1 does not fit generation 000001, so nothing was changed"):
        seismic.rollback(path)
    with seismic.open(path) as index:
        assert (index.generation, len(index)) == ("000002", 2)


def test_columns_that_do_not_fit(path: Path) -> None:
    put(path, 3, title=["B"])
    with pytest.raises(StorageError, match=r"does not fit generation 000001, .*column 'title'"):
        seismic.rollback(path)


def test_changes_that_are_void_do_not_count(path: Path) -> None:
    put(path, 7)
    publish(path, 4)
    publish(path, 4)
    assert seismic.rollback(path) == "000003"
    with seismic.open(path) as index:
        assert len(index) == 1


def test_a_writer_sees_that_a_number_was_given_again(path: Path) -> None:
    writer = Writer(path)
    seismic.rollback(path)
    assert seismic.collect_garbage(path, keep=1) == ["000002"]
    publish(path, 4)
    assert writer.generation == "000002" == seismic.open(path).generation
    with pytest.raises(InputError, match="dimension"):
        writer.upsert(SparseVectors.from_dicts([{7: 1.0}], 8), pa.table({"id": ["b"]}))
    assert len(seismic.open(path)) == 1
