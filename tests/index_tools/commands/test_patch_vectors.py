"""Patches with vectors, on the command line and in Python: in every form, for some documents, and before a write."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import seismic
from seismic import InputError, ParameterError, RangeWarning
from tests.index_tools.commands.test_fields import lines, run

FIELDS: dict[str, Any] = {"raw": {}, "tags": {"vocabulary": []}}


def plain(path: Path) -> Path:
    seismic.create(path, vocabulary=["a", "b"], columns={"n": "int64"})
    seismic.upsert(path, [{"a": 1.0}, {"b": 2.0}, {"a": 3.0}], {"id": ["x", "y", "z"], "n": [1, 2, 3]})
    return path


def several(path: Path) -> Path:
    seismic.create(path, fields=FIELDS, columns={"n": "int64"})
    vectors = {"raw": [{7: 1.0}, {8: 2.0}], "tags": [{"t": 1.0}, {"u": 2.0}]}
    seismic.upsert(path, vectors, {"id": ["x", "y"], "n": [1, 2]})
    return path


def stored(path: Path) -> dict[str, Any]:
    """Return the number and the vector of each document, by token where it has tokens."""
    with seismic.open(path) as index:
        found: dict[str, Any] = {}
        words: Any = index.vocabulary
        for document in index.fetch(["x", "y", "z"], with_vectors=True):
            if document is None:
                continue
            vector = document.vector or {}
            if "fields" in vector:
                own = words.parts["tags"].vocabulary
                shown: Any = {
                    name: _weights(part, own if name == "tags" else None) for name, part in vector["fields"].items()
                }
            else:
                shown = _weights(vector, words)
            found[document.id] = (document.payload or {}).get("n"), shown
        return found


def _weights(part: dict[str, Any], words: Any) -> dict[Any, float]:
    keys = part["indices"] if words is None else map(words.token, part["indices"])
    return dict(zip(keys, part["values"], strict=True))


def test_a_plain_vector(tmp_path: Path) -> None:
    path = plain(tmp_path / "c")
    patches = [
        {"id": "x", "indices": [1], "values": [4.0], "n": 7},
        {"id": "y", "n": None},
        {"id": "z", "tokens": {"new": 0.5, "a": 1.5}},
        {"id": "nowhere", "vector": {"a": 1.0}},
    ]
    result = run("patch", str(path), lines(tmp_path / "in.jsonl", patches))
    assert result.exit_code == 0, result.output
    assert "documents 3" in result.output
    assert stored(path) == {"x": (7, {"b": 4.0}), "y": (None, {"b": 2.0}), "z": (3, {"a": 1.5, "new": 0.5})}


def test_some_fields(tmp_path: Path) -> None:
    path = several(tmp_path / "c")
    patches = [
        {"id": "x", "fields": {"tags": {"tokens": {"v": 3.0}}}},
        {"id": "y", "raw.indices": [4_000_000_000], "raw.values": [1.0], "n": 5},
    ]
    result = run("patch", str(path), lines(tmp_path / "in.jsonl", patches))
    assert result.exit_code == 0, result.output
    expected = {
        "x": (1, {"raw": {7: 1.0}, "tags": {"v": 3.0}}),
        "y": (5, {"raw": {4_000_000_000: 1.0}, "tags": {"u": 2.0}}),
    }
    assert stored(path) == expected
    seismic.compact(path)
    assert stored(path) == expected


@pytest.mark.parametrize(
    ("make", "patch", "words"),
    [
        (plain, {"indices": [1]}, "found indices, expected 'indices' and 'values'"),
        (plain, {"indices": [1], "values": [1.0, 2.0]}, "lists of equal length"),
        (plain, {"indices": [1, 1], "values": [1.0, 2.0]}, "expected each component once"),
        (plain, {"indices": [1], "values": [1.0], "tokens": {"a": 1}}, "or one map of tokens"),
        (plain, {"tokens": ["a"]}, "expected a map from token to weight"),
        (plain, {"tokens": {"a": -1.0}}, "-1"),
        (several, {"fields": {"other": {"tokens": {"a": 1.0}}}}, "expected vectors of raw, tags"),
        (several, {"fields": {"tags": {"text": "a"}}}, "field 'tags': expected 'indices' and 'values', or 'tokens'"),
        (
            several,
            {"fields": {"raw": {"indices": [1], "values": [1]}}, "raw.indices": [1], "raw.values": [1]},
            "two vectors",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, make: Any, patch: dict[str, Any], words: str) -> None:
    path = make(tmp_path / "c")
    before = stored(path)
    result = run("patch", str(path), lines(tmp_path / "in.jsonl", [{"id": "y", "n": 9}, {"id": "x", **patch}]))
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())
    assert stored(path) == before


def test_lists_with_none(tmp_path: Path) -> None:
    path = several(tmp_path / "several")
    documents: list[dict[str, Any]] = [{"id": "y"}, {"id": "x", "n": 4}]
    seismic.patch(path, documents, fields={"raw": [None, {9: 1.0}], "tags": [{"w": 1.0}, None]})
    assert stored(path) == {
        "x": (4, {"raw": {9: 1.0}, "tags": {"t": 1.0}}),
        "y": (2, {"raw": {8: 2.0}, "tags": {"w": 1.0}}),
    }
    with pytest.raises(InputError, match="expected equal numbers"):
        seismic.patch(path, documents, fields={"raw": [None]})
    with pytest.raises(InputError, match="expected vectors by field"):
        seismic.patch(path, documents, vectors=[{1: 1.0}, {2: 1.0}])
    with pytest.raises(ParameterError, match="found vectors and fields"):
        seismic.patch(path, documents, vectors=[{1: 1.0}, {2: 1.0}], fields={})
    with pytest.raises(ParameterError, match="found vectors without documents"):
        seismic.patch(path, ids=["x"], vectors=[{1: 1.0}])
    other = plain(tmp_path / "plain")
    seismic.patch(other, [{"id": "z", "n": 8}, {"id": "x"}], vectors=[None, {"b": 1.0}])
    assert stored(other) == {"x": (1, {"b": 1.0}), "y": (2, {"b": 2.0}), "z": (8, {"a": 3.0})}


def test_warnings_come_before_the_write(tmp_path: Path) -> None:
    wide = {"t": 1e10, "u": 1e-10}
    path, other = several(tmp_path / "several"), plain(tmp_path / "plain")
    calls: list[tuple[Path, Any]] = [
        (path, lambda: seismic.patch(path, {"id": ["x"]}, fields={"tags": [wide]})),
        (other, lambda: seismic.patch(other, {"id": ["x"]}, vectors=[wide])),
        (other, lambda: seismic.upsert(other, [wide], {"id": ["new"]}, if_absent=True)),
        (other, lambda: seismic.upsert(other, [wide], {"id": ["x"]}, if_sequence=seismic.open(other).sequence)),
    ]
    for place, call in calls:
        before = stored(place)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(RangeWarning):
                call()
        assert stored(place) == before
        with pytest.warns(RangeWarning) as caught:
            call()
        assert [warning.filename for warning in caught] == [__file__]
