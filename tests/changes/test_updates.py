"""Changes through the Python API: upserted documents are found, deleted ones are not, and the top k stays exact."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import (
    BuildParams,
    CorruptIndexError,
    InputError,
    ParameterError,
    SearchParams,
    SparseVectors,
    VectorError,
)
from seismic.changes.records import Change, Rules, check_delete, check_upsert
from seismic.changes.updates import Writer
from seismic.layouts import Layout
from tests import naive, samples
from tests.changes.books import hits, put
from tests.naive import Row


def test_a_change_is_seen_after_a_refresh(books: Path) -> None:
    index = seismic.open(books)
    assert not index.refresh()
    assert put(books, {"d": {0: 5.0}, "a": {1: 1.0}}, title=["D", None]) == 1
    assert hits(index) == [("b", 2), ("a", 1)]
    assert index.refresh()
    assert not index.refresh()
    assert hits(index) == hits(seismic.open(books)) == [("d", 5), ("b", 2), ("a", 1)]
    assert (len(index), index.sequence, index.generation) == (4, 1, "000001")
    assert index.payloads(index.find(["d", "a", "b"]).tolist()) == [
        {"title": "D", "year": None},
        {"title": None, "year": None},
        {"title": "B", "year": 2},
    ]
    assert seismic.delete(books, ["d", "never"]) == 2
    assert index.refresh()
    assert hits(index) == [("b", 2), ("a", 1)]
    assert index.find(["d", "b", "never"]).tolist() == [-1, 1, -1]


def test_a_frozen_index_stays(books: Path) -> None:
    index = seismic.open(books)
    frozen = index.frozen()
    seismic.delete(books, ["b"])
    index.refresh()
    assert (hits(index), hits(frozen)) == ([("a", 1)], [("b", 2), ("a", 1)])
    assert (len(index), len(frozen)) == (2, 3)


def test_all_documents_can_go_and_come_back(books: Path) -> None:
    seismic.delete(books, ["a", "b", "c"])
    index = seismic.open(books)
    assert (len(index), hits(index)) == (0, [])
    numbers, scores = index.search_batch(SparseVectors.from_dicts([{0: 1.0}] * 2), k=2)
    assert (numbers.tolist(), scores.tolist()) == ([[-1, -1]] * 2, [[0, 0]] * 2)
    put(books, {"b": {0: 3.0}})
    index.refresh()
    assert hits(index) == [("b", 3)]


def test_statistics_follow(books: Path) -> None:
    put(books, {"d": {0: 5.0, 1: 1.0}, "a": {1: 1.0}})
    seismic.delete(books, ["c"])
    index = seismic.open(books)
    assert index.document_frequency().tolist() == [1, 3, 0, 0]
    expected = seismic.vocabulary.inverse_document_frequency(np.array([1, 3, 0, 0]), 3)
    assert index.view.idf.tolist() == expected.tolist()


def test_the_last_change_of_an_id_counts(books: Path) -> None:
    put(books, {"d": {0: 1.0}})
    put(books, {"d": {0: 2.0}, "e": {0: 1.0}})
    seismic.delete(books, ["e", "b"])
    put(books, {"e": {0: 7.0}})
    put(books, {"f": {0: 7.0}})
    seismic.delete(books, ["f"])
    assert hits(seismic.open(books)) == [("e", 7), ("d", 2), ("a", 1)]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            {"d": {0: 1.0}, "e": {4: 1.0}},
            {},
            "row 1, field 'indices': found component 4, expected components below the dim",
        ),
        (
            {"d": {0: 1.0}},
            {"author": ["x"]},
            r"found column 'author', expected those of the collection \(id, ti",
        ),
        ({"d": {0: 1.0}}, {"year": ["x"]}, "field 'year': found string, expected int32"),
        ({"d": {0: 1.0}, "e": {}}, {"year": [1, 2**40]}, "row 1, field 'year': found 1099511627776, expected int32"),
        ({"d": {0: 1.0}, "e": {}}, {"year": [1.0, 2.5]}, "row 1, field 'year': found 2.5, expected int32"),
        ({"d": {0: 1.0}}, {"title": [3]}, "field 'title': found int64, expected string"),
        ({}, {}, "found no vectors, expected at least one document"),
    ],
)
def test_a_wrong_document_changes_nothing(strict_books: Path, rows: dict[str, Row], columns: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        put(strict_books, rows, **columns)
    assert not (strict_books / "log").exists()


def test_wrong_ids_change_nothing(books: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}] * 2)
    for ids, message in (
        (["d", "d"], "row 1, field 'id': found 'd', a duplicate of row 0; expected unique ids"),
        (["d", None], "row 1, field 'id': found null"),
        ([1, 2], "field 'id': found int64, expected string"),
    ):
        with pytest.raises(InputError, match=message):
            seismic.upsert(books, vectors, pa.table({"id": ids}))
    with pytest.raises(InputError, match="expected a column 'id'"):
        seismic.upsert(books, vectors, pa.table({"title": ["x", "y"]}))
    for ids, message in (
        ([1], "ids: found 1, expected a string, as ids of this collection are"),
        ([None], "found null"),
        (["a", 1], "ids: found 1, expected a string"),
        ("abc", "ids: found 'abc', expected a list of ids"),
        (pa.array([1]), "field 'id': found int64, expected string"),
    ):
        with pytest.raises(InputError, match=message):
            seismic.delete(books, ids)
    assert not (books / "log").exists()


def test_dictionaries_and_integer_ids(tmp_path: Path) -> None:
    documents = pa.table({"id": pa.array([7, 8], pa.uint16()), "kind": pa.array(["x", "y"]).dictionary_encode()})
    vectors = SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}])
    seismic.build(vectors, tmp_path / "index", documents=documents)
    changed = pa.table({"id": [8, 9], "kind": pa.array(["z", "x"]).dictionary_encode()})
    seismic.upsert(tmp_path / "index", vectors, changed)
    with seismic.open(tmp_path / "index") as index:
        assert hits(index, {"indices": [0], "values": [1.0]}) == [(9, 2), (7, 1), (8, 1)]
        assert index.payloads([0, 2, 3]) == [{"kind": "x"}, {"kind": "z"}, {"kind": "x"}]
    with pytest.raises(InputError, match="ids: found -1, expected uint16, as ids"):
        seismic.delete(tmp_path / "index", [-1])


@pytest.mark.parametrize("layout", ["shared", "small", "lists"])
def test_nothing_is_left(tmp_path: Path, layout: Layout) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}, {0: 2.0}, {0: 3.0}], params=BuildParams(layout=layout))
    seismic.delete(tmp_path / "index", [0, 1, 2])
    index.refresh()
    index.warm_up()
    assert (len(index), index.search({"indices": [0], "values": [1.0]})) == (0, [])


def test_the_plan_blocks_sees_changes(tmp_path: Path) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}, {0: 2.0}, {0: 3.0}], params=BuildParams(layout="lists"))
    seismic.delete(tmp_path / "index", [2])
    seismic.upsert(tmp_path / "index", SparseVectors.from_dicts([{0: 1.5}]), pa.table({"id": [3]}))
    index.refresh()
    found = index.search({"indices": [0], "values": [1.0]}, 2, params=SearchParams(plan="lists"))
    assert [hit.id for hit in found] == [1, 3]


@pytest.mark.parametrize("dimension", [samples.NARROW, samples.WIDE])
def test_many_changes_give_what_a_build_of_the_same_documents_gives(tmp_path: Path, dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    rows = naive.rows(samples.random_vectors(900, dimension))
    base = SparseVectors.from_dicts(rows[:300], dimension)
    seismic.build(base, tmp_path / "index", documents=pa.table({"id": np.arange(300)}), shards=2)
    index = seismic.open(tmp_path / "index")
    model = dict(enumerate(rows[:300]))
    for step in range(40):
        changed = np.unique(rng.integers(0, 500, 1 + step % 25)).tolist()
        if step % 3:
            new = [rows[int(number)] for number in rng.integers(300, 900, len(changed))]
            seismic.upsert(tmp_path / "index", SparseVectors.from_dicts(new, dimension), pa.table({"id": changed}))
            for one, row in zip(changed, new, strict=True):
                model.pop(one, None)
                model[one] = row
        else:
            seismic.delete(tmp_path / "index", changed)
            model = {one: row for one, row in model.items() if one not in changed}
        index.refresh()
    assert len(index) == len(model)
    assert len(index.view.deltas) < 8
    reopened = seismic.open(tmp_path / "index")
    fresh = tmp_path / "fresh"
    seismic.build(
        SparseVectors.from_dicts(list(model.values()), dimension), fresh, documents=pa.table({"id": list(model)})
    )
    expected = seismic.open(fresh)
    for row in rows[:100]:
        query = samples.as_query(row)
        assert hits(index, query) == hits(reopened, query) == hits(expected, query)
    assert index.document_frequency().tolist() == expected.document_frequency().tolist()
    found = index.find(list(range(500)))
    assert [number >= 0 for number in found] == [one in model for one in range(500)]


def test_a_closed_index_cannot_be_refreshed(books: Path) -> None:
    index = seismic.open(books)
    index.close()
    with pytest.raises(ParameterError, match="closed"):
        index.refresh()


def test_a_build_makes_earlier_changes_void(books: Path) -> None:
    put(books, {"d": {3: 5.0}})
    vectors = SparseVectors.from_dicts([{0: 1.0}, {1: 2.0}])
    index, writer = seismic.open(books), Writer(books)
    seismic.build(vectors, books, documents=pa.table({"id": ["a", "b"]}), replace=True, strict=True)
    assert index.refresh()
    assert hits(index) == hits(seismic.open(books)) == [("b", 2), ("a", 1)]
    assert (index.generation, index.sequence) == ("000002", 1)
    with pytest.raises(VectorError, match="found component 3, expected components below the dimension 2"):
        writer.upsert(SparseVectors.from_dicts([{3: 1.0}]), pa.table({"id": ["d"]}))
    assert writer.delete(["b"]) == 2
    assert hits(seismic.open(books)) == [("a", 1)]


def test_a_generation_without_its_log_goes_on(books: Path) -> None:
    put(books, {"d": {3: 5.0}})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), books, replace=True)
    shutil.rmtree(books / "log")
    index = seismic.open(books)
    assert index.sequence == 1
    assert seismic.delete(books, [0]) == 2
    assert index.refresh()
    assert (len(index), index.sequence) == (0, 2)


def test_changes_that_do_not_fit_are_reported(books: Path) -> None:
    put(books, {"d": {3: 5.0}})
    other = books.parent / "other"
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), other)
    shutil.copytree(books / "log", other / "log")
    with pytest.raises(CorruptIndexError, match="log: change 1 does not fit generation 000001: row 0, field 'indices'"):
        seismic.open(other)
    index = seismic.open(books)
    segment = next((books / "log").glob("*.log"))
    segment.write_bytes(b"x" + segment.read_bytes()[1:])
    assert not index.refresh()  # it reads only later records
    assert [damage.file for damage in seismic.verify(books).damages] == ["log"]
    [damage] = seismic.verify(other).damages  # its record is complete and matches its hash
    assert (damage.file, "change 1 does not fit generation 000001" in damage.problem) == ("log", True)
    with pytest.raises(CorruptIndexError, match=r"\.log: damaged at offset 0: found no record"):
        seismic.open(books)


def payloads(path: Path, *ids: str) -> list[dict[str, Any]]:
    with seismic.open(path) as index:
        return index.payloads(index.find(ids).tolist())


def test_vectors_alone_leave_the_payload(books: Path) -> None:
    with seismic.open(books) as index:
        put(books, {"b": {0: 9.0}, "new": {0: 8.0}})
        index.refresh()
        assert hits(index) == [("b", 9), ("new", 8), ("a", 1)]
        put(books, {"new": {0: 7.0}}, title=["N"])
        put(books, {"new": {0: 6.0}, "c": {0: 5.0}})
        index.refresh()
        assert hits(index) == [("b", 9), ("new", 6), ("c", 5), ("a", 1)]
    expected = [{"title": "A", "year": 1}, {"title": "B", "year": 2}, {"title": "C", "year": 3}]
    expected.append({"title": "N", "year": None})
    assert payloads(books, "a", "b", "c", "new") == expected
    seismic.compact(books)
    assert payloads(books, "a", "b", "c", "new") == expected


def test_payloads_that_vectors_keep_within_one_record(books: Path) -> None:
    def check(rules: Rules) -> list[Change]:
        def upsert(id: str, **columns: list[Any]) -> Change:
            return check_upsert(SparseVectors.from_dicts([{0: 1.0}], 4), pa.table({"id": [id], **columns}), rules)

        return [
            *(upsert("a", title=["A2"]), upsert("a"), upsert("d", title=["D"]), upsert("d")),
            *(check_delete(["b", "d"], rules), upsert("b"), upsert("c"), upsert("c", year=[7]), upsert("c")),
        ]

    Writer(books).append(check)
    assert payloads(books, "a", "b", "c") == [
        {"title": "A2", "year": None},
        {"title": None, "year": None},
        {"title": None, "year": 7},
    ]
    with seismic.open(books) as index:
        assert index.find(["d"]).tolist() == [-1]
