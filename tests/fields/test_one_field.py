"""A collection with one field is a plain collection with a name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seismic
from seismic import FieldEntry, ParameterError, QueryError, SearchRequest
from seismic.store.manifest import read_manifest

VECTORS: list[dict[int, float]] = [{1: 1.0, 4_000_000_000: 2.0}, {1: 1.0}, {1: 3.0}, {}]


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fields") / "numbered"
    seismic.create(path, fields={"raw": {"idf": True, "weight": 2.0}})
    seismic.upsert(path, VECTORS, {"id": ["a", "b", "c", "d"]})
    return path


def idf(documents: int, frequency: int) -> float:
    return float(np.log1p((documents - frequency + 0.5) / (frequency + 0.5)))


def test_the_field_is_recorded(numbered: Path) -> None:
    manifest = read_manifest(numbered / "generations" / "000001")
    assert [field.model_dump() for field in manifest.fields] == [
        {"name": "raw", "encoder": None, "numbered": True, "weight": 2.0, "idf": True}
    ]
    assert (manifest.reader_features, manifest.writer_features) == (["no-tops"], ["fields"])
    with seismic.open(numbered) as index:
        assert index.fields == (FieldEntry(name="raw", numbered=True, weight=2.0, idf=True),)
    assert seismic.verify(numbered).damages == []


@pytest.mark.parametrize("query", [{1: 1.0, 4_000_000_000: 0.5}, {"fields": {"raw": {1: 1.0, 4_000_000_000: 0.5}}}])
def test_weights_are_multiplied_by_idf(numbered: Path, query: Any) -> None:
    """The fourth document has no vector, so n is 3."""
    expected = 2 * (idf(3, 3) + 2 * 0.5 * idf(3, 1))
    with seismic.open(numbered) as index:
        assert index.search(query, k=1)[0].score == pytest.approx(expected)
        assert index.search_batch([query], 1)[1][0, 0] == pytest.approx(expected)
        both = index.search_many([SearchRequest(query=query, limit=1)] * 2)
        assert [answer.hits[0].score for answer in both] == [pytest.approx(expected)] * 2


def test_idf_follows_changes(tmp_path: Path) -> None:
    seismic.create(tmp_path / "new", fields={"raw": {"idf": True}})
    seismic.upsert(tmp_path / "new", VECTORS, {"id": ["a", "b", "c", "d"]})
    seismic.delete(tmp_path / "new", ["c"])
    with seismic.open(tmp_path / "new") as index:
        assert index.search({1: 1.0}, k=1)[0].score == pytest.approx(idf(2, 2))
        hits = index.ask(SearchRequest(query={1: 1.0}, idf_filter={"ids": ["a"]})).hits
        assert hits[0].score == pytest.approx(idf(1, 1))
    seismic.compact(tmp_path / "new")
    with seismic.open(tmp_path / "new") as index:
        assert index.manifest.shards[0].fields == {"raw": 2}
        assert index.search({1: 1.0}, k=1)[0].score == pytest.approx(idf(2, 2))


def test_weights_of_a_query_replace_those_of_the_field(numbered: Path) -> None:
    query = {"fields": {"raw": {"indices": [1], "values": [1.0]}}, "weights": {"raw": 0.5}}
    with seismic.open(numbered) as index:
        assert index.search(query, k=1)[0].score == pytest.approx(0.5 * 3 * idf(3, 3))
        assert index.search(query | {"weights": {"raw": 0}}) == []


def test_an_encoder_of_a_field(tmp_path: Path) -> None:
    fitted = seismic.fit_bm25(["red planet", "blue planet"])
    options = {"encoder": "bm25", "bm25": {"average_length": 2}, "columns": ["title"]}
    seismic.create(tmp_path / "new", fields={"title": options})
    seismic.upsert(tmp_path / "new", fitted.vectors, {"id": ["r", "b"]}, vocabulary=fitted.encoder.vocabulary)
    with seismic.open(tmp_path / "new") as index:
        assert index.fields[0].columns == ("title",)
        assert index.fields[0].encoder == index.manifest.encoder
        hits = index.search({"fields": {"title": "red"}})
        assert hits == index.search("red")
        assert hits[0].score == pytest.approx(idf(2, 1) * 1 / 2.2)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"fields": {"other": {1: 1.0}}}, "fields: found field 'other', expected raw"),
        ({"fields": {}}, "fields: found {}, expected the part of each field"),
        ({"fields": [1]}, r"fields: found \[1\], expected the part of each field"),
        ({"fields": {"raw": "a text"}}, "field 'raw' has no encoder for texts"),
        ({"fields": {"raw": {1: 1.0}}, "indices": [1]}, "found 'indices' next to fields"),
        ({"fields": {"raw": {1: 1.0}}, "weights": 3}, "weights: found 3, expected a number for each field"),
        ({"fields": {"raw": {1: 1.0}}, "weights": {"other": 1}}, "weights: found field 'other', expected raw"),
        ({"fields": {"raw": {1: 1.0}}, "weights": {"raw": -1}}, "weights: field 'raw': found -1"),
        ({"fields": {"raw": {1: 1.0}}, "weights": {"raw": float("nan")}}, "weights: field 'raw': found nan"),
        ({"fields": {"raw": {1: 1.0}}, "weights": {"raw": True}}, "weights: field 'raw': found True"),
        ({"fields": {"raw": {1: 1.0}}, "fusion": "max"}, "fusion: found 'max'"),
        ({"fields": {"raw": {"indices": [1, 1], "values": [1, 1]}}}, "found component 1 twice"),
    ],
)
def test_queries_that_are_refused(numbered: Path, query: Any, message: str) -> None:
    with seismic.open(numbered) as index, pytest.raises(QueryError, match=message):
        index.search(query)


def test_fields_of_a_collection_without_any(tmp_path: Path) -> None:
    seismic.build([{1: 1.0}], tmp_path / "plain")
    with seismic.open(tmp_path / "plain") as index:
        assert index.fields == ()
        with pytest.raises(QueryError, match="fields: this collection has no named fields"):
            index.search({"fields": {"raw": {1: 1.0}}})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "found 0 fields, expected 1 to 16"),
        ({str(at): {} for at in range(17)}, "found 17 fields, expected 1 to 16"),
        (["raw"], r"fields: found \['raw'\], expected 1 to 16 by name"),
        ({"": {}}, "fields: found the name '', expected 1 to 100 printable characters"),
        ({"a\x1fb": {}}, "expected 1 to 100 printable characters"),
        ({"x" * 101: {}}, "expected 1 to 100 printable characters"),
        ({7: {}}, "fields: found the name 7"),
        ({"values": {}}, "found the name 'values', which is a column of vectors"),
        ({"raw": 3}, "field 'raw': found 3, expected a mapping of its options"),
        ({"raw": {"enc": "bm25"}}, "field 'raw': found the option 'enc', expected encoder, bm25, columns"),
        ({"raw": {"columns": ["a"]}}, "field 'raw': found columns without an encoder"),
        ({"raw": {"encoder": "bm25", "columns": "a"}}, "columns is 'a', expected a list of column names"),
        ({"raw": {"encoder": "bm25", "vocabulary": ["a"]}}, "found an encoder and a vocabulary"),
        ({"raw": {"encoder": "bm25", "idf": True}}, "encoder 'bm25' weighs queries by idf already"),
        ({"raw": {"weight": -0.1}}, "field 'raw': weight: found -0.1"),
        ({"raw": {"weight": float("nan")}}, "field 'raw': weight: found nan"),
        ({"raw": {"idf": 1}}, "field 'raw': idf is 1, expected True or False"),
    ],
)
def test_options_that_are_refused(tmp_path: Path, fields: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        seismic.create(tmp_path / "new", fields=fields)
    assert not (tmp_path / "new").exists()


def test_options_belong_to_a_field(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="found dimension next to fields, expected it in the options of a field"):
        seismic.create(tmp_path / "new", fields={"raw": {}}, dimension=3)
    with pytest.raises(ParameterError, match="strict: field 'raw' has no tokens yet"):
        seismic.create(tmp_path / "new", fields={"raw": {}}, strict=True)
