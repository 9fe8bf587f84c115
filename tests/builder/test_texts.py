"""Collections of texts in one line, whole and in chunks."""

from pathlib import Path
from typing import Any

import pytest

import seismic
from seismic import Bm25, ConflictError, EncoderError, Index, InputError, ParameterError, SeismicError

LONG = "The sun is a star. It shines every day. The planets move around it. Mars has two moons. " * 3


def ids(index: Index) -> list[Any]:
    return sorted(index.document_ids(range(len(index))))


def rows(path: Path) -> list[tuple[Any, dict[str, Any]]]:
    with seismic.open(path) as index:
        return [(one.id, one.payload) for one in index.scroll(limit=100).documents]


def test_one_line_builds_a_collection(tmp_path: Path) -> None:
    stages: list[str] = []
    texts = ["The sun is a star.", "Mars is a planet."]
    seismic.build(tmp_path / "c", texts=texts, ids=["sun", "mars"], progress=lambda stage, *_: stages.append(stage))
    with seismic.open(tmp_path / "c") as index:
        assert index.search("which planets", with_payload=True)[0].payload == {"text": "Mars is a planet."}
        assert index.manifest.encoder is not None
        assert index.manifest.encoder.name == "splade-tiny"
    assert stages[0] == "encode"
    seismic.upsert(tmp_path / "c", texts=["Venus."], ids=["venus"], documents={"lang": ["en"]})
    assert ("venus", {"text": "Venus.", "lang": "en"}) in rows(tmp_path / "c")


def test_bars_show_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seismic.build(tmp_path / "c", texts=["Mars", "Sun"], encoder="bm25", progress=True)
    assert "encode ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 2 of 2" in capsys.readouterr().err
    seismic.build(tmp_path / "d", texts=["Mars"], encoder="bm25", progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("encoder", ["bm25", Bm25(stemmer="english"), "splade-tiny"], ids=str)
def test_chunks_are_replaced_and_deleted_with_their_document(tmp_path: Path, encoder: Any) -> None:
    path = tmp_path / "c"
    languages = {"lang": ["en", "de"]}
    seismic.build(path, texts=[LONG, "Mars."], ids=[1, 2], documents=languages, encoder=encoder, chunk=20, overlap=5)
    stored = rows(path)
    assert [id for id, _ in stored] == [*(f"1#{at}" for at in range(len(stored) - 1)), "2#0"]
    for at, (_, payload) in enumerate(stored[:-1]):
        assert payload["text"] == LONG[payload["start"] : payload["end"]]
        assert (payload["parent"], payload["chunk"], payload["lang"]) == ("1", at, "en")
    with seismic.open(path) as index:
        by_parent = seismic.SearchRequest(query="moons of mars", group_by=seismic.GroupBy(key="parent"))
        groups = index.ask(by_parent).groups
        assert groups is not None
        assert sorted(group.value for group in groups) == ["1", "2"]
        assert "moons" in index.search("moons", with_payload=True)[0].payload["text"]
    changed = seismic.upsert(path, texts=["Pluto orbits, too."], ids=["1"])
    assert (changed.created, changed.updated, changed.deleted) == (0, 1, len(stored) - 2)
    assert [id for id, _ in rows(path)] == ["1#0", "2#0"]
    with pytest.raises(ConflictError):
        seismic.upsert(path, texts=["a"], ids=["1"], if_absent=True)
    seismic.patch(path, ids=["1"], values={"lang": "fr"})
    assert dict(rows(path))["1#0"]["lang"] == "fr"
    assert seismic.delete(path, ["1", "unknown"]).deleted == 1
    assert [id for id, _ in rows(path)] == ["2#0"]
    seismic.compact(path)
    seismic.upsert(path, texts=[LONG], ids=["x"])
    assert len(rows(path)) > 2


def test_empty_collections_cut_texts_too(tmp_path: Path) -> None:
    encoder = seismic.load_encoder("bm25").recorded(chunks=seismic.Chunking(size=10))
    seismic.create(tmp_path / "c", encoder=encoder)
    seismic.upsert(tmp_path / "c", texts=[LONG], ids=["a"])
    seismic.upsert(tmp_path / "c", texts=["Mars."], ids=["a"])
    assert [id for id, _ in rows(tmp_path / "c")] == ["a#0"]
    with pytest.raises(ParameterError, match="ids: found int64, expected string, as chunks have such ids"):
        seismic.create(tmp_path / "d", encoder=encoder, ids="int64")
    with pytest.raises(ParameterError, match="columns: found 'parent', which chunks have anyway"):
        seismic.create(tmp_path / "d", encoder=encoder, columns={"parent": "string"})


WRONG: list[tuple[dict[str, Any], type[SeismicError], str]] = [
    ({}, ParameterError, r"found no vectors, expected build\(vectors, out\), or build\(out, texts=...\)"),
    ({"texts": "abc"}, InputError, "texts: found 'abc', expected a list of texts"),
    ({"texts": ["a", 1]}, InputError, "texts, row 1: found 1, expected a text"),
    ({"texts": ["a"], "ids": ["a", "b"]}, InputError, "ids: found 2 ids for 1 texts"),
    ({"texts": ["a"], "ids": "a"}, InputError, "ids: found 'a' for 1 texts"),
    ({"texts": ["a", "b"], "ids": ["a", "a"]}, InputError, "row 1, field 'id': found 'a', a duplicate of row 0"),
    ({"texts": ["a"], "overlap": 3}, ParameterError, "overlap is 3, expected chunk with it"),
    ({"texts": ["a"], "chunk": 3, "overlap": 3}, ParameterError, "overlap is 3, expected less than 3"),
    ({"texts": ["a"], "chunk": 300}, ParameterError, "chunk is 300, expected at most 254"),
    ({"texts": ["a"], "encoder": "nope"}, EncoderError, "found no encoder 'nope'"),
    ({"texts": ["a"], "encoder": 3}, ParameterError, "encoder is 3, expected an Encoder, or its name or folder"),
    ({"texts": ["a"], "vocabulary": ["a"]}, ParameterError, "found vocabulary next to texts"),
    ({"texts": ["a"], "documents": {"text": ["b"]}}, InputError, "found a column 'text' next to texts"),
    ({"texts": ["a"], "documents": {"n": [1, 2]}}, InputError, "documents: found 2 rows for 1 texts"),
    ({"texts": ["a"], "ids": ["a"], "documents": {"id": [1]}}, InputError, "found a column 'id' next to ids"),
    ({"texts": ["a"], "chunk": 9, "documents": {"parent": [1]}}, InputError, "field 'parent': chunks have a column"),
    ({"vectors": [{0: 1.0}], "texts": ["a"]}, ParameterError, "found vectors and texts, expected one of them"),
    ({"vectors": [{0: 1.0}], "ids": ["a"]}, ParameterError, "found ids without texts"),
    ({"vectors": [{0: 1.0}], "chunk": 9}, ParameterError, "found chunk without texts"),
]


@pytest.mark.parametrize(("given", "kind", "said"), WRONG, ids=lambda one: str(one)[:40])
def test_mixtures_are_refused(tmp_path: Path, given: dict[str, Any], kind: type[SeismicError], said: str) -> None:
    with pytest.raises(kind, match=said):
        seismic.build(**given, out=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_upserts_without_an_encoder_are_refused(tmp_path: Path) -> None:
    seismic.build([{0: 1.0}], tmp_path / "c")
    with pytest.raises(InputError, match="texts: this collection has no encoder; give vectors"):
        seismic.upsert(tmp_path / "c", texts=["a"], ids=[1])
    with pytest.raises(ParameterError, match="found both vectors and texts"):
        seismic.upsert(tmp_path / "c", [{0: 1.0}], texts=["a"], ids=[1])
    with pytest.raises(ParameterError, match="found neither vectors nor texts"):
        seismic.upsert(tmp_path / "c")
    with pytest.raises(ParameterError, match="found ids without texts"):
        seismic.upsert(tmp_path / "c", [{0: 1.0}], ids=[1])
