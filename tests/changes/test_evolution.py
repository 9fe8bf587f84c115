"""Columns, types, tokens and components that come with documents."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import InputError, ParameterError, SearchRequest, StorageError, VectorError, Vocabulary
from seismic.changes.evolution import TokenMap
from seismic.changes.records import Columns, Growth, check_upsert
from seismic.changes.rules import MOST_COLUMNS
from seismic.changes.updates import Writer
from seismic.layouts import LAYOUTS, Layout
from seismic.search.request import FacetBy, Feedback, GroupBy
from seismic.store.log import segment_path
from seismic.store.watermark import WATERMARK
from tests.changes.books import hits, put


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A collection in two shards without a vocabulary: a {0: 1}, b {1: 2}, c {2: 3} with a number and a null."""
    columns = {"id": ["a", "b", "c"], "n": [1, 2, 3], "empty": pa.nulls(3), "tags": [[], None, []]}
    kind = pa.array(["x", "y", "x"]).dictionary_encode()
    seismic.build(
        [{0: 1.0}, {1: 2.0}, {2: 3.0}], tmp_path / "plain", documents=pa.table({**columns, "kind": kind}), shards=2
    )
    return tmp_path / "plain"


def payload(path: Path, id: str) -> dict[str, Any]:
    with seismic.open(path) as index:
        return index.payloads(index.find([id]))[0]


def types(path: Path) -> dict[str, str]:
    with seismic.open(path) as index:
        return {field.name: str(field.type) for field in index.view.rules.schema}


def count(path: Path, key: str, **condition: Any) -> int:
    with seismic.open(path) as index:
        return index.count({"must": [{"key": key, **condition}]})


def test_new_columns_come_with_a_document(plain: Path) -> None:
    assert put(plain, {"d": {0: 2.0}}, colour=["red"], price=[1.5]) == 1
    assert types(plain)["colour"] == "string"
    assert payload(plain, "a")["colour"] is None
    assert (payload(plain, "d")["colour"], payload(plain, "d")["n"]) == ("red", None)
    assert count(plain, "colour", match={"value": "red"}) == 1
    assert count(plain, "price", range={"lt": 2}) == 1
    with seismic.open(plain) as index:
        assert index.count({"must": [{"is_null": {"key": "colour"}}]}) == 3
        request = SearchRequest(query={0: 1.0, 1: 1.0}, facets=[FacetBy(key="colour")], group_by=GroupBy(key="colour"))
        answer = index.ask(request)
        assert [(facet.value, facet.count) for facet in answer.facets["colour"]] == [("red", 1)]
        assert [group.value for group in answer.groups] == ["red"]
    put(plain, {"e": {0: 2.0}}, n=[7])
    assert payload(plain, "e")["colour"] is None


def test_nulls_and_empty_lists_take_the_first_type(plain: Path) -> None:
    put(plain, {"d": {0: 2.0}}, empty=["full"], tags=[["red"]])
    assert (types(plain)["empty"], types(plain)["tags"]) == ("string", "list<item: string>")
    assert [payload(plain, id)["tags"] for id in "abd"] == [[], None, ["red"]]
    assert [payload(plain, id)["empty"] for id in "ad"] == [None, "full"]
    assert count(plain, "tags", match={"value": "red"}) == count(plain, "empty", match={"value": "full"}) == 1
    with pytest.raises(InputError, match="field 'empty': found int64, expected string; convert the va"):
        put(plain, {"d": {0: 2.0}}, empty=[1])


def test_integers_become_floats(plain: Path) -> None:
    assert count(plain, "n", range={"gte": 2}) == 2  # sorts the integers
    put(plain, {"d": {0: 2.0}}, n=[2.5])
    assert types(plain)["n"] == "double"
    assert [type(payload(plain, id)["n"]) for id in "ad"] == [float, float]
    assert count(plain, "n", range={"gt": 1.5, "lt": 3}) == 2
    put(plain, {"e": {0: 2.0}}, n=[7])
    seismic.compact(plain)
    assert (types(plain)["n"], payload(plain, "e")["n"], count(plain, "n", range={"gte": 2.5})) == ("double", 7.0, 3)


def test_whole_floats_are_integers(plain: Path) -> None:
    put(plain, {"d": {0: 2.0}}, n=[2.0])
    assert (types(plain)["n"], payload(plain, "d")["n"]) == ("int64", 2)


@pytest.mark.parametrize("where", ["generation", "log"])
def test_integers_that_no_float_holds_keep_their_type(tmp_path: Path, where: str) -> None:
    large, path = 2**53 + 1, tmp_path / "large"
    seismic.build([{0: 1.0}], path, documents={"id": ["a"], "n": [large if where == "generation" else 1]})
    if where == "log":
        put(path, {"b": {0: 1.0}}, n=[large])
    with pytest.raises(
        InputError, match=rf"field 'n': found double, expected int64, as the stored value {large} does not fit double"
    ):
        put(path, {"c": {0: 1.0}}, n=[0.5])
    with pytest.raises(InputError, match=f"the stored value {large}"):
        seismic.add_columns(path, {"n": "double"})


def test_objects_get_fields(plain: Path) -> None:
    put(plain, {"d": {0: 2.0}}, meta=[{"a": 1}])
    put(plain, {"e": {0: 2.0}}, meta=[{"b": "x", "a": 0.5}])
    assert [payload(plain, id)["meta"] for id in "ade"] == [None, {"a": 1.0, "b": None}, {"a": 0.5, "b": "x"}]
    assert count(plain, "meta.b", match={"value": "x"}) == count(plain, "meta.a", range={"gt": 0.7}) == 1


def test_one_error_names_column_types_and_remedy(plain: Path) -> None:
    remedy = "; convert the values, or give them a column of another name"
    for columns, found in (
        ({"n": ["x"]}, "field 'n': found string, expected int64"),
        ({"kind": [1]}, "field 'kind': found int64, expected string"),
        ({"tags": ["x"]}, "field 'tags': found string, expected list<item: null>"),
    ):
        with pytest.raises(InputError) as error:
            put(plain, {"d": {0: 1.0}}, **columns)
        assert str(error.value) == f"documents: {found}{remedy}"
    assert not (plain / "log").exists()


def test_columns_need_names(plain: Path) -> None:
    with pytest.raises(InputError, match="found a column without a name"):
        put(plain, {"d": {0: 1.0}}, **{"": [1]})


def test_too_many_columns(plain: Path) -> None:
    with pytest.raises(InputError, match=f"columns and fields with those added, expected at most {MOST_COLUMNS}"):
        put(plain, {"d": {0: 1.0}}, **{f"column {number}": [1] for number in range(MOST_COLUMNS)})
    with pytest.raises(InputError, match="expected at most"):
        put(plain, {"d": {0: 1.0}}, scores=[{f"user {number}": 1 for number in range(MOST_COLUMNS)}])


def test_add_columns(plain: Path) -> None:
    columns = {"day": "date32", "n": pa.float64(), "kind": "string", "tags": "list<string>"}
    assert seismic.add_columns(plain, columns) == 1
    assert (types(plain)["day"], types(plain)["n"], types(plain)["tags"]) == (
        "date32[day]",
        "double",
        "list<item: string>",
    )
    assert seismic.add_columns(plain, columns) == 1  # they are there
    assert count(plain, "day", range={"gte": "2024-01-01"}) == 0
    assert count(plain, "kind", match={"value": "x"}) == 2
    for wrong, message in (
        ({"day": "string"}, "columns: column 'day' is date32\\[day\\], found string; values of one type do not become"),
        ({"n": "int64"}, "columns: column 'n' is double, found int64"),
    ):
        with pytest.raises(InputError, match=message):
            seismic.add_columns(plain, wrong)
    with pytest.raises(ParameterError, match="found 'id'"):
        seismic.add_columns(plain, {"id": "int64"})
    seismic.compact(plain)
    assert types(plain)["day"] == "date32[day]"


def test_numbers_get_wider_on_request(books: Path) -> None:
    with pytest.raises(InputError, match="found 3000000000, expected int32"):
        put(books, {"d": {0: 1.0}}, year=[3_000_000_000])
    seismic.add_columns(books, {"year": "int64"})
    put(books, {"d": {0: 1.0}}, year=[3_000_000_000])
    assert (count(books, "year", range={"gt": 2}), payload(books, "a")["year"]) == (2, 1)


def test_a_strict_collection_gets_columns_on_request_only(strict_books: Path) -> None:
    with pytest.raises(InputError, match="found column 'colour', expected those of the collection"):
        put(strict_books, {"d": {0: 1.0}}, colour=["red"])
    seismic.add_columns(strict_books, {"colour": "string"})
    put(strict_books, {"d": {0: 1.0}}, colour=["red"])
    with pytest.raises(VectorError, match="found component 4, expected components below the dimension 4"):
        put(strict_books, {"d": {4: 1.0}})
    with pytest.raises(VectorError, match="found 'v', expected tokens of the vocabulary"):
        seismic.upsert(strict_books, [{"v": 1.0}], {"id": ["d"]})
    seismic.compact(strict_books)
    with pytest.raises(InputError, match="found column 'price'"):
        put(strict_books, {"d": {0: 1.0}}, price=[1])


def test_dictionaries_stay_dictionaries(plain: Path) -> None:
    put(plain, {"d": {0: 2.0}}, kind=pa.array(["z"]).dictionary_encode(), new=pa.array(["q"]).dictionary_encode())
    assert (types(plain)["kind"], types(plain)["new"]) == ("string", "string")
    assert count(plain, "kind", match={"any": ["x", "z"]}) == 3
    seismic.compact(plain)
    with seismic.open(plain) as index:
        kinds = index.view.base[0].shard.documents.schema
        assert pa.types.is_dictionary(kinds.field("kind").type)
    assert [payload(plain, id)["kind"] for id in "abd"] == ["x", "y", "z"]


def test_the_dimension_grows(plain: Path) -> None:
    put(plain, {"d": {0: 1.0, 9: 4.0}})
    put(plain, {"e": {70_000: 5.0, 1: 0.5}})
    with seismic.open(plain) as index:
        assert index.dimension == 70_001
        query = {0: 1.0, 1: 1.0, 9: 1.0, 70_000: 1.0}
        expected = [("e", 5.5), ("d", 5.0), ("b", 2.0), ("a", 1.0)]
        assert hits(index, query) == expected
        assert index.search_batch([query], 3)[1][0].tolist() == [5.5, 5.0, 2.0]
        assert index.answer({80_000: 1.0}).unknown == (80_000,)
        assert np.flatnonzero(index.document_frequency()).tolist() == [0, 1, 2, 9, 70_000]
        vectors = index.vectors(index.find(["a", "e"]))
        assert (vectors.dimension, vectors.components.tolist()) == (70_001, [0, 1, 70_000])
        explained = index.ask(SearchRequest(query=query, explain=True)).explanation
        assert explained is not None
        assert [hit.id for hit in index.ask(SearchRequest(query={"id": "e"})).hits] == ["b"]
        fed = index.ask(SearchRequest(query={70_000: 1.0}, feedback=Feedback())).hits
        assert [hit.id for hit in fed] == ["e", "b"]
    seismic.compact(plain)
    with seismic.open(plain) as index:
        assert (index.dimension, hits(index, query)) == (70_001, expected)
    assert seismic.verify(plain).damages == []


def test_tokens_grow(books: Path) -> None:
    seismic.upsert(books, [{"w": 1.0, "new": 2.0}, {"newer": 3.0}], {"id": ["d", "e"]})
    with seismic.open(books) as index:
        assert index.vocabulary.tokens.to_pylist() == ["w", "x", "y", "z", "new", "newer"]
        assert hits(index, {"tokens": {"w": 1.0, "new": 1.0}}) == [("d", 3.0), ("a", 1.0)]
        assert len(index.view.idf) == 6
        seismic.upsert(books, [{"newest": 1.0}], {"id": ["f"]})
        assert index.answer({"tokens": {"newest": 1.0}}).unknown == ("newest",)
        index.refresh()
        assert hits(index, {"tokens": {"newest": 1.0}}) == [("f", 1.0)]
    seismic.compact(books)
    with seismic.open(books) as index:
        assert len(index.vocabulary) == index.dimension == 7
        assert hits(index, {"tokens": {"newest": 1.0}}) == [("f", 1.0)]
    with pytest.raises(VectorError, match="component 7, expected components below the dimension 7, the number of tok"):
        put(books, {"d": {7: 1.0}})


def test_a_vocabulary_with_more_tokens_adds_them(books: Path) -> None:
    before, longer = Vocabulary("wxyz"), Vocabulary("wxyzv")
    seismic.upsert(books, [{4: 1.0}], {"id": ["d"]}, vocabulary=longer)
    with seismic.open(books) as index:
        assert index.vocabulary.hash == longer.hash
    seismic.upsert(books, [{0: 1.0}], {"id": ["e"]}, vocabulary=before)  # its tokens mean the same
    with pytest.raises(InputError, match="component 4 is 'u' there and 'v' here; map the tokens again"):
        seismic.upsert(books, [{0: 1.0}], {"id": ["f"]}, vocabulary=Vocabulary("wxyzu"))


def test_a_collection_without_components_gets_tokens_or_numbers(tmp_path: Path) -> None:
    for name, vector in (("tokens", {"red": 1.0}), ("numbers", {3: 1.0})):
        seismic.create(tmp_path / name)
        seismic.upsert(tmp_path / name, [vector], {"id": ["a"]})
        with seismic.open(tmp_path / name) as index:
            assert (index.vocabulary is not None, index.dimension) == (name == "tokens", 1 if name == "tokens" else 4)
    with pytest.raises(VectorError, match="found tokens, expected components"):
        seismic.upsert(tmp_path / "numbers", [{"red": 1.0}], {"id": ["b"]})


def test_two_writers_see_what_the_other_added(books: Path) -> None:
    one, other = Writer(books), Writer(books)
    one.upsert([{"p": 1.0}], {"id": ["d"], "colour": ["red"]})
    other.upsert([{"q": 1.0}], {"id": ["e"], "colour": ["blue"], "size": [1]})
    one.upsert([{"q": 1.0, "r": 2.0}], {"id": ["f"], "size": [1.5]})
    with pytest.raises(InputError, match="field 'colour': found int64, expected string"):
        Writer(books).upsert([{"q": 1.0}], {"id": ["g"], "colour": [1]})
    with seismic.open(books) as index:
        assert index.vocabulary.tokens.to_pylist()[4:] == ["p", "q", "r"]
        assert hits(index, {"tokens": {"q": 1.0}}) == [("e", 1.0), ("f", 1.0)]
        assert index.columns == ["title", "year", "colour", "size"]


def test_a_writer_follows_a_compaction(books: Path) -> None:
    writer = Writer(books)
    writer.upsert([{"p": 1.0}], {"id": ["d"], "colour": ["red"]})
    for keep in (2, 1):
        seismic.compact(books, keep=keep)
        writer.upsert([{"p": 2.0, f"q{keep}": 1.0}], {"id": ["e"], f"size{keep}": [1]})
    with seismic.open(books) as index:
        assert index.columns == ["title", "year", "colour", "size2", "size1"]
        assert hits(index, {"tokens": {"p": 1.0}}) == [("e", 2.0), ("d", 1.0)]


def test_snapshots_hold_what_was_added(books: Path, tmp_path: Path) -> None:
    seismic.upsert(books, [{"p": 1.0}], {"id": ["d"], "colour": ["red"]})
    seismic.create_snapshot(books, tmp_path / "file")
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert payload(tmp_path / "copy", "d") == {"title": None, "year": None, "colour": "red"}
    with seismic.open(tmp_path / "copy") as index:
        assert hits(index, {"tokens": {"p": 1.0}}) == [("d", 1.0)]


def test_a_rollback_keeps_what_later_changes_added(books: Path) -> None:
    seismic.upsert(books, [{"p": 1.0}], {"id": ["d"], "colour": ["red"]})
    seismic.compact(books)
    seismic.upsert(books, [{"q": 1.0}], {"id": ["e"], "size": [2]})
    assert seismic.rollback(books) == "000001"
    assert payload(books, "e") == {"title": None, "year": None, "colour": None, "size": 2}
    with seismic.open(books) as index:
        assert hits(index, {"tokens": {"p": 1.0, "q": 2.0}}) == [("e", 2.0), ("d", 1.0)]
    assert seismic.rollback(books, "2") == "000002"
    assert payload(books, "e")["size"] == 2


def test_changes_of_another_collection_do_not_fit(books: Path) -> None:
    """A rollback to a generation whose columns conflict with those of later changes is refused."""
    documents = pa.table({"id": ["a"], "title": [1]})
    seismic.build([{0: 1.0}], books, documents=documents, replace=True)
    seismic.upsert(books, [{0: 1.0}], {"id": ["b"], "title": [1.5]})
    with pytest.raises(StorageError, match="does not fit generation 000001, so nothing was changed"):
        seismic.rollback(books)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(tmp_path: Path, layout: Layout) -> None:
    path, params = tmp_path / "c", seismic.BuildParams(layout=layout)
    seismic.build([{0: 1.0}, {1: 2.0}], path, documents={"id": ["a", "b"]}, params=params)
    seismic.upsert(path, [{1: 1.0, 5: 3.0}], {"id": ["c"], "new": [1]})
    for _ in range(2):
        with seismic.open(path) as index:
            assert hits(index, {1: 1.0, 5: 1.0}) == [("c", pytest.approx(4.0, abs=0.02)), ("b", 2.0)]
        seismic.compact(path)


def test_a_cut_record_is_as_if_it_had_not_been_written(books: Path, tmp_path: Path) -> None:
    seismic.upsert(books, [{"p": 1.0}], {"id": ["d"], "colour": ["red"]})
    path = segment_path(books, 1)
    before = path.stat().st_size
    seismic.upsert(books, [{"q": 1.0}], {"id": ["e"], "size": [2]})
    size = path.stat().st_size
    for cut in range(before, size, 97):
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(books, copy)
        (copy / WATERMARK).unlink()  # a crash before the record is acknowledged leaves the one before
        segment = segment_path(copy, 1)
        segment.write_bytes(segment.read_bytes()[:cut])
        with seismic.open(copy) as index:
            assert (index.columns, index.dimension) == (["title", "year", "colour"], 5)
        seismic.upsert(copy, [{"r": 1.0}], {"id": ["f"], "size": ["L"]})
        with seismic.open(copy) as index:
            assert index.vocabulary.tokens.to_pylist()[4:] == ["p", "r"]
            assert index.payloads(index.find(["f"]))[0]["size"] == "L"
        shutil.rmtree(copy)


def test_rules_evolve(books: Path) -> None:
    rules = Writer(books).rules
    grown = rules.after([Growth(4, 6, pa.array(["p", "q"])), Columns(pa.schema({"size": pa.int64()}))])
    assert (grown.dimension, grown.version, grown.schema.names[-1]) == (6, 2, "size")
    assert rules.vocabulary.component("p") is None
    assert grown.after([Growth(6, 7, pa.array(["r"]))]).vocabulary.component("r") == 6
    other = grown.after([Growth(6, 7, pa.array(["s"]))])
    assert [other.vocabulary.component(token) for token in "prs"] == [4, None, 6]
    with pytest.raises(InputError, match="found new tokens from component 4 on, expected them from 6"):
        grown.after([Growth(4, 5, pa.array(["t"]))])
    vectors = seismic.SparseVectors.from_dicts([{5: 1.0}])
    assert check_upsert(vectors, pa.table({"id": ["a"]}), grown).vectors.dimension == 6
    assert TokenMap(grown).component("\ud800") is None
