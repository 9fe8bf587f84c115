"""Changes of collections with several fields: upserts replace all of them, patches some."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seismic
from seismic import ConflictError, InputError, ParameterError, VectorError
from seismic.changes.records import encode
from seismic.changes.updates import Writer
from seismic.store.manifest import read_manifest

Row = dict[Any, float]
Model = dict[str, dict[str, Row]]
"""Id -> field -> vector."""

WORDS = [f"w{at}" for at in range(12)]


def stored(path: Path) -> Model:
    """Return every document's vectors by field."""
    model: Model = {}
    with seismic.open(path) as index:
        ids = [document.id for document in index.scroll(limit=1000).documents]
        words = index.vocabulary.parts["words"].vocabulary if index.vocabulary else None  # type: ignore[attr-defined]
        for document in index.fetch(ids, with_vectors=True):
            assert document is not None
            found = (document.vector or {})["fields"]
            rows = {name: dict(zip(one["indices"], one["values"], strict=True)) for name, one in found.items()}
            if "words" in rows:
                rows["words"] = {words.token(at): value for at, value in rows["words"].items()}
            model[document.id] = rows
    return model


def make(path: Path) -> Path:
    seismic.create(path, fields={"raw": {}, "words": {"vocabulary": []}, "other": {}}, columns={"n": "int64"})
    return path


def draw(random: np.random.Generator, keys: list[Any]) -> Row:
    chosen = random.choice(len(keys), random.integers(0, 5), replace=False)
    return {keys[at]: float(random.integers(1, 100)) for at in chosen}


@pytest.mark.parametrize("seed", range(3))
def test_a_sequence_of_changes(tmp_path: Path, seed: int) -> None:
    """Compared with a dict of documents; integers are stored exactly."""
    random, path = np.random.default_rng(seed), make(tmp_path / "new")
    model: Model = {}
    keys = {"raw": [1, 70_000, 1 << 31, 4, 5, 6], "words": WORDS, "other": [1, 2, 3, 4, 5, 6]}
    for step in range(30):
        ids = [f"d{at}" for at in random.choice(12, 4, replace=False)]
        names = [name for name in keys if random.random() < 0.6] or ["raw"]
        given = {name: [draw(random, keys[name]) for _ in ids] for name in names}
        action = random.random()
        if action < 0.4:
            seismic.upsert(path, given, {"id": ids})
            model |= {id: {name: rows[at] for name, rows in given.items()} for at, id in enumerate(ids)}
        elif action < 0.85:
            changed = seismic.patch(path, {"id": ids}, fields=given)
            assert changed.updated == sum(id in model for id in ids)
            for at, id in enumerate(ids):
                if id in model:
                    model[id] |= {name: rows[at] for name, rows in given.items()}
        else:
            seismic.delete(path, ids[:2])
            for id in ids[:2]:
                model.pop(id, None)
        if step % 10 == 9:
            seismic.compact(path)
            assert seismic.verify(path).damages == []
    expected = {id: {name: row for name, row in rows.items() if row} for id, rows in model.items()}
    assert stored(path) == expected
    with seismic.open(path) as index:
        counts = {name: sum(name in rows for rows in expected.values()) for name in keys}
        assert index.view.field_documents == counts
    seismic.create_snapshot(path, tmp_path / "file")
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert stored(tmp_path / "copy") == expected


def values_of(path: Path, field: str) -> list[float]:
    with seismic.open(path) as index:
        return index.field_vectors(index.find(["a"]))[field].values.tolist()


@pytest.mark.parametrize("heaviest", [0.0001, 0.3, 1.9, 250.0])
def test_a_patch_keeps_other_fields_exactly(tmp_path: Path, heaviest: float) -> None:
    """As long as the scale, a power of 2 for the heaviest weight of the document, does not grow."""
    path, random = make(tmp_path / "new"), np.random.default_rng(4)
    kept = {int(at): float(random.random() + 0.001) for at in range(40)}
    seismic.upsert(path, {"raw": [kept], "other": [{1: 251.5}]}, {"id": ["a"], "n": [1]})
    before = values_of(path, "raw")
    for _ in range(3):
        seismic.patch(path, {"id": ["a"]}, fields={"other": [{1: heaviest, 2: heaviest / 3}]})
        assert values_of(path, "raw") == before
        seismic.compact(path)
        assert values_of(path, "raw") == before


@pytest.mark.filterwarnings("ignore::seismic.RangeWarning")
def test_answers_do_not_depend_on_when_a_view_was_refreshed(tmp_path: Path) -> None:
    path, random = make(tmp_path / "new"), np.random.default_rng(7)
    with seismic.open(path) as followed:
        for _ in range(25):
            ids = [f"d{at}" for at in random.choice(5, 2, replace=False)]
            rows = [{int(at): float(random.lognormal(0, 4)) for at in random.choice(9, 3)} for _ in ids]
            if random.random() < 0.3:
                seismic.upsert(path, {"raw": rows, "other": rows[::-1]}, {"id": ids})
            else:
                seismic.patch(path, {"id": ids}, fields={str(random.choice(["raw", "other"])): rows})
            followed.refresh()
            with seismic.open(path) as fresh:
                ids = [document.id for document in fresh.scroll().documents]
                assert followed.fetch(ids, with_vectors=True) == fresh.fetch(ids, with_vectors=True)


def test_a_heavier_field_costs_half_a_step_once(tmp_path: Path) -> None:
    path = make(tmp_path / "new")
    kept = {at: 0.001 * (at + 1) for at in range(40)}
    seismic.upsert(path, {"raw": [kept], "other": [{1: 0.9}]}, {"id": ["a"]})
    after: list[list[float]] = []
    for heaviest in (200.0, 0.5, 150.0, 0.01):
        seismic.patch(path, {"id": ["a"]}, fields={"other": [{1: heaviest}]})
        after.append(values_of(path, "raw"))
    step = 1 / 256  # 255 times a scale of 1 holds 200, and is the smallest that does
    assert np.abs(np.array(after[0]) - list(kept.values())).max() <= step
    assert after[1:] == [after[0]] * 3  # nothing drifts


def test_a_patch_of_fields_and_columns(tmp_path: Path) -> None:
    path = make(tmp_path / "new")
    seismic.upsert(path, {"raw": [{1: 1.0}], "words": [{"x": 1.0}]}, {"id": ["a"], "n": [1]})
    seismic.patch(path, {"id": ["a", "absent"], "n": [2, 3]}, fields={"words": [{"y": 2.0}, {"z": 1.0}]})
    assert stored(path) == {"a": {"raw": {1: 1.0}, "words": {"y": 2.0}}}
    with seismic.open(path) as index:
        assert index.payloads([0]) == [{"n": 2}]
    sequence = seismic.patch(path, {"id": ["a"]}, fields={"raw": [{}]})
    assert stored(path) == {"a": {"words": {"y": 2.0}}}
    with pytest.raises(ConflictError):
        seismic.patch(path, {"id": ["a"]}, fields={"raw": [{1: 1.0}]}, if_sequence=sequence - 1)


def test_the_only_field_is_patched_as_a_vector(tmp_path: Path) -> None:
    path = tmp_path / "new"
    seismic.create(path, fields={"raw": {}}, columns={"n": "int64"})
    seismic.upsert(path, {"raw": [{1: 1.0}]}, {"id": ["a"], "n": [1]})
    seismic.patch(path, {"id": ["a", "absent"]}, fields={"raw": [{2: 3.0}, {5: 1.0}]})
    with seismic.open(path) as index:
        assert len(index) == 1
        document = index.fetch(["a"], with_vectors=True)[0]
        assert document == ("a", {"n": 1}, {"indices": [2], "values": [3.0]})


def test_a_reader_without_fields_refuses_the_log(tmp_path: Path) -> None:
    """The record of a patch of fields has a later format; the generation needs the feature `fields`."""
    path = make(tmp_path / "new")
    seismic.upsert(path, {"raw": [{1: 1.0}]}, {"id": ["a"]})
    writer = Writer(path)
    assert "fields" in read_manifest(path / "generations" / "000001").reader_features
    assert encode([], writer.rules) == b""


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        ([{1: 1.0}], InputError, "expected vectors by field, as the collection has the fields raw, words, other"),
        ({}, InputError, "found no vectors, expected those of at least one of the fields"),
        ({"absent": [{}]}, InputError, "fields: found field 'absent', expected raw, words, other"),
        ({"raw": [{1: 1.0}], "words": []}, InputError, "found 1 vectors of 'raw' and 0 of 'words'"),
        ({"raw": [{"x": 1.0}]}, VectorError, "row 0, .*field 'raw': found tokens"),
        ({"raw": [{1: -1.0}]}, VectorError, "row 0, .*field 'raw'"),
        ({"raw": [{1: float("nan")}]}, VectorError, "row 0, .*field 'raw'"),
        ({"raw": [{1 << 32: 1.0}]}, VectorError, "field 'raw'"),
        ({"raw": [{"indices": [1, 1], "values": [1, 1]}]}, VectorError, "row 0, .*field 'raw'"),
        ({"words": [{7: 1.0}]}, VectorError, "row 0, .*field 'words': found component 7, expected components below 0"),
    ],
)
def test_vectors_that_are_refused(tmp_path: Path, vectors: Any, error: type[Exception], message: str) -> None:
    path = make(tmp_path / "new")
    with pytest.raises(error, match=message):
        seismic.upsert(path, vectors, {"id": ["a"]})
    assert len(seismic.open(path)) == 0


def test_patches_that_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "new")
    with pytest.raises(InputError, match="found 2 rows and 1 vectors"):
        seismic.patch(path, {"id": ["a", "b"]}, fields={"raw": [{1: 1.0}]})
    with pytest.raises(ParameterError, match="found fields without documents"):
        seismic.patch(path, ids=["a"], values={"n": 1}, fields={"raw": [{1: 1.0}]})
    seismic.build([{1: 1.0}], tmp_path / "plain")
    with pytest.raises(InputError, match="this collection has no named fields"):
        seismic.patch(tmp_path / "plain", {"id": [0]}, fields={"raw": [{1: 1.0}]})
    with pytest.raises(InputError, match="this collection has no fields"):
        seismic.upsert(tmp_path / "plain", {"raw": [{1: 1.0}]}, {"id": [0]})


def test_strict_fields_do_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "new"
    vectors: dict[str, Any] = {"raw": [{7: 1.0}], "words": [{"x": 1.0}]}
    fields: dict[str, Any] = {"raw": {}, "words": {"vocabulary": ["x"]}}
    seismic.build(vectors, path, documents={"id": ["a"]}, fields=fields, strict=True)
    seismic.upsert(path, {"raw": [{7: 2.0}]}, {"id": ["b"]})
    with pytest.raises(VectorError, match="field 'raw': found component 8, expected one of the field's"):
        seismic.upsert(path, {"raw": [{8: 2.0}]}, {"id": ["c"]})
    with pytest.raises(VectorError, match="field 'words': found 'y', expected tokens of the vocabulary"):
        seismic.upsert(path, {"words": [{"y": 2.0}]}, {"id": ["c"]})


def test_bm25_grows_and_model_vocabularies_do_not(tmp_path: Path) -> None:
    path = tmp_path / "new"
    seismic.create(path, fields={"splade": {"encoder": "splade-tiny"}, "bm25": {"encoder": "bm25"}})
    with seismic.open(path) as index:
        fitted = seismic.extend_bm25(index.view.field_encoder(index.fields[1]), ["red planet"])
    seismic.upsert(path, {"bm25": fitted.vectors}, {"id": ["a"]}, encoder={"bm25": fitted.encoder})
    with seismic.open(path) as index:
        assert [hit.id for hit in index.search({"fields": {"bm25": "planet"}})] == ["a"]
    with pytest.raises(VectorError, match="field 'splade': found 'notatoken', expected tokens of the vocabulary"):
        seismic.upsert(path, {"splade": [{"notatoken": 1.0}]}, {"id": ["b"]})
    other = seismic.load_encoder("splade-tiny")
    with pytest.raises(InputError, match=r"field 'bm25': found encoder 'splade-tiny' .*expected 'bm25'"):
        seismic.upsert(path, {"bm25": [{}]}, {"id": ["b"]}, encoder={"bm25": other})
