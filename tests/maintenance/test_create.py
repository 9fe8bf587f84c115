from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import InputError, OutputExistsError, ParameterError, SparseVectors, Vocabulary
from seismic.layouts import LAYOUTS, Layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_documents_follow(tmp_path: Path, layout: Layout) -> None:
    folder = seismic.create(
        tmp_path / "new", dimension=10, columns={"year": "int32", "tags": pa.list_(pa.string())}, layout=layout
    )
    assert folder == tmp_path / "new" / "generations" / "000001"
    assert seismic.verify(tmp_path / "new").damages == []
    with seismic.open(tmp_path / "new") as index:
        assert (len(index), index.dimension, index.manifest.layout) == (0, 10, layout)
        assert index.columns == ["year", "tags"]
        assert index.search({3: 1.0}) == []
        seismic.upsert(
            tmp_path / "new", [{3: 1.0}, {4: 2.0}], {"id": ["a", "b"], "year": [1, 2], "tags": [["x"], None]}
        )
        index.refresh()
        assert [hit.id for hit in index.search({3: 1.0, 4: 1.0})] == ["b", "a"]
        assert index.count({"must": [{"key": "tags", "match": {"value": "x"}}]}) == 1
        seismic.compact(tmp_path / "new")
        index.refresh()
        assert [hit.id for hit in index.search({3: 1.0, 4: 1.0})] == ["b", "a"]


def test_vocabulary_and_integer_ids(tmp_path: Path) -> None:
    seismic.create(tmp_path / "new", vocabulary=["x", "y"], ids="int64")
    seismic.upsert(tmp_path / "new", [{"y": 1.0}], {"id": [7]})
    with seismic.open(tmp_path / "new") as index:
        assert index.dimension == 2
        assert [hit.id for hit in index.search({"tokens": {"y": 1.0}})] == [7]


def test_strictness_is_kept(tmp_path: Path) -> None:
    seismic.create(tmp_path / "new", dimension=2, strict=True)
    seismic.upsert(tmp_path / "new", [{1: 1.0}], {"id": ["a"]})
    seismic.compact(tmp_path / "new")
    seismic.create_snapshot(tmp_path / "new", tmp_path / "file")
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    for name in ("new", "copy"):
        with seismic.open(tmp_path / name) as index:
            assert index.manifest.strict
            assert "strict" in index.manifest.writer_features
    with seismic.open(seismic.build([{1: 1.0}], tmp_path / "built").parents[1]) as index:
        assert not index.manifest.strict


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimension": 3, "vocabulary": ["x"]}, "found dimension and vocabulary, expected one of them"),
        ({"dimension": -1}, "dimension is -1"),
        ({"dimension": 1 << 40}, "dimension is 1099511627776, expected at most"),
        ({"encoder": 3}, "encoder is 3, expected an Encoder, or its name or folder"),
        ({"strict": True}, "strict: found no dimension, vocabulary or encoder"),
        ({"ids": "double"}, "ids: found double, expected string or an integer type"),
        ({"ids": "text"}, "ids: found type 'text', expected an Arrow type such as"),
        ({"columns": {"year": "int"}}, "columns: column 'year': found type 'int'"),
        ({"columns": {"id": "int64"}}, "columns: found 'id'"),
        ({"columns": {"": "int64"}}, "columns: found the name ''"),
        ({"columns": {"\ud800": "int64"}}, "columns: found the name "),
        ({"strict": "yes", "dimension": 1}, "strict is 'yes', expected True or False"),
        ({"columns": ["year"]}, "columns is \\['year'\\], expected a mapping"),
        ({"columns": pa.schema([("a", pa.int8()), ("a", pa.int8())])}, "found 'a' twice"),
        ({"layout": "tiny"}, "parameter 'layout'"),
    ],
)
def test_wrong_parameters(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        seismic.create(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_wrong_vocabularies(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="token 'x' of component 1 is a duplicate"):
        seismic.create(tmp_path / "new", vocabulary=Vocabulary(["x", "x"]))


def test_used_folders_are_refused(tmp_path: Path) -> None:
    seismic.create(tmp_path / "new")
    with pytest.raises(OutputExistsError, match="exists; choose another folder"):
        seismic.create(tmp_path / "new")
    seismic.build(SparseVectors.from_dicts([{1: 1.0}]), tmp_path / "new", replace=True)
