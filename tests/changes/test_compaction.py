"""Compaction changes nothing that can be seen, and leaves nothing of what was deleted."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import (
    BuildParams,
    Index,
    ParameterError,
    SparseVectors,
)
from seismic.builder import plan
from seismic.layouts import Layout
from seismic.maintenance import compaction
from tests import naive
from tests.changes.books import hits, put


def stored(index: Index) -> dict[Any, dict[int, float]]:
    """Return every live document as stored."""
    found: dict[Any, dict[int, float]] = {}
    for shard, first in zip(index.view.shards, index.view.firsts, strict=False):
        numbers = shard.numbers()
        ids = index.document_ids((numbers + first).tolist())
        found |= dict(zip(ids, naive.rows(shard.vectors(numbers, index.dimension)), strict=True))
    return found


def test_compaction_changes_nothing_that_can_be_seen(books: Path) -> None:
    index = seismic.open(books)
    for step in range(4):
        put(books, {"d": {0: 5.1, 3: 1 / (step + 3)}, f"e{step}": {1: 0.1 + step}}, title=["D", "E"])
        seismic.delete(books, ["a"])
        index.refresh()
        before, payloads, expected = stored(index), index.payloads(index.find(["d", "b"]).tolist()), hits(index)
        folder = seismic.compact(books)
        assert folder == books / "generations" / index.frozen().generation.replace(str(step + 1), str(step + 2))
        assert index.refresh()
        assert (stored(index), hits(index)) == (before, expected)
        assert index.payloads(index.find(["d", "b"]).tolist()) == payloads
        assert (index.sequence, index.view.changed, index.view.deltas) == (2 * step + 2, 0, ())
        assert index.vocabulary is not None
        assert index.vocabulary.token(3) == "z"
        assert seismic.compact(books) is None


def test_changes_during_compaction_are_kept(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(books, {"d": {0: 5.0}})
    write, index = compaction.write_shards, seismic.open(books)

    def busy(*arguments: Any, **options: Any) -> Any:
        put(books, {"e": {0: 6.0}})
        seismic.delete(books, ["d"])
        return write(*arguments, **options)

    monkeypatch.setattr(compaction, "write_shards", busy)
    seismic.compact(books)
    index.refresh()
    assert (index.generation, index.sequence, index.manifest.sequence) == ("000002", 3, 1)
    assert hits(index) == hits(seismic.open(books)) == [("e", 6), ("b", 2), ("a", 1)]


def test_the_log_stays_as_long_as_a_generation_needs_it(books: Path) -> None:
    for step in range(3):
        put(books, {"d": {0: 5.0 + step}})
        seismic.compact(books)
    (books / "CURRENT").write_text("000003\n")
    assert hits(seismic.open(books), k=1) == [("d", 7)]
    assert len(list((books / "log").glob("*.log"))) <= 3


def on_disk(path: Path, text: str) -> list[str]:
    """Return the files below a folder that hold a text."""
    return [str(file) for file in path.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


@pytest.mark.parametrize("layout", ["shared", "small", "full", "lists"])
def test_a_collection_can_be_compacted_to_nothing(tmp_path: Path, layout: Layout) -> None:
    documents = pa.table({"id": ["a", "b"], "title": ["secret one", "secret two"]})
    vectors, path = SparseVectors.from_dicts([{0: 1.0}, {1: 2.0}], 4), tmp_path / "index"
    seismic.build(vectors, path, documents=documents, params=BuildParams(layout=layout))
    put(path, {"c": {0: 3.0}}, title=["secret three"])
    with seismic.open(path) as index:
        seismic.delete(path, ["a", "b", "c"])
        index.refresh()
        seismic.compact(path)
        assert on_disk(path, "secret") != []  # the previous generation is kept
        index.refresh()
        assert (len(index), index.generation, hits(index)) == (0, "000002", [])
        assert seismic.compact(path) is None
        seismic.collect_garbage(path, keep=1)
        assert on_disk(path, "secret") == []
        assert seismic.verify(path).damages == []
        index.warm_up()
        put(path, {"d": {0: 4.0}}, title=["D"])
        index.refresh()
        assert (hits(index), index.payloads([0])) == ([("d", 4)], [{"title": "D"}])
    seismic.compact(path)
    assert hits(seismic.open(path)) == [("d", 4)]


def test_deleted_changes_are_gone_from_the_log(books: Path) -> None:
    put(books, {"d": {0: 3.0}}, title=["secret"])
    seismic.delete(books, ["d"])
    assert seismic.compact(books, keep=1)
    assert on_disk(books, "secret") == []
    assert hits(seismic.open(books)) == [("b", 2), ("a", 1)]


def test_compaction_does_not_multiply_shards(tmp_path: Path) -> None:
    path = tmp_path / "index"
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 4), path, documents=pa.table({"id": ["seed"]}))
    put(path, {f"d{number}": {0: 1.0 + number} for number in range(1000)})
    seismic.compact(path)
    with seismic.open(path) as index:
        assert (len(index.manifest.shards), len(index)) == (1, 1001)


def test_compaction_merges_small_shards_and_splits_large_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rows = tmp_path / "index", [{number % 4: 1.0 + number} for number in range(60)]
    seismic.build(SparseVectors.from_dicts(rows, 4), path, shards=6)
    seismic.delete(path, [0])
    seismic.compact(path)
    shards = [len(seismic.open(path).manifest.shards)]
    monkeypatch.setattr(compaction, "LEAST_DOCUMENTS", 5)
    monkeypatch.setattr(plan, "PROCESS", 0)
    for memory in (8_000, 1 << 30):
        seismic.upsert(path, SparseVectors.from_dicts([{0: 1.0 + memory}], 4), pa.table({"id": [0]}))
        seismic.compact(path, memory=memory)
        shards.append(len(seismic.open(path).manifest.shards))
    assert shards[0] == 1
    assert 1 < shards[1] <= 12
    assert shards[2] == shards[1]
    seismic.delete(path, [1])
    with pytest.raises(ParameterError, match="memory is 0 MB, expected at least"):
        seismic.compact(path, memory=100)


def test_dictionaries_stay_dictionaries(tmp_path: Path) -> None:
    documents = pa.table({"id": [7, 8], "kind": pa.array(["x", "y"]).dictionary_encode()})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}]), tmp_path / "index", documents=documents, shards=2)
    seismic.upsert(tmp_path / "index", SparseVectors.from_dicts([{0: 3.0}]), pa.table({"id": [9], "kind": ["z"]}))
    seismic.compact(tmp_path / "index")
    with seismic.open(tmp_path / "index") as index:
        assert index.payloads([0, 1, 2]) == [{"kind": "x"}, {"kind": "y"}, {"kind": "z"}]
        assert all(pa.types.is_dictionary(live.shard.documents["kind"].type) for live in index.view.base)


def test_a_collection_without_documents_and_components(tmp_path: Path) -> None:
    seismic.create(tmp_path / "c")
    seismic.add_columns(tmp_path / "c", {"n": "int64"})
    assert seismic.compact(tmp_path / "c") is not None
    with seismic.open(tmp_path / "c") as index:
        assert (len(index), index.dimension, index.columns) == (0, 0, ["n"])
