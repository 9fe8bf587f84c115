"""Field tables that do not fit the data are named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seismic
from seismic import CorruptIndexError
from seismic.store.manifest import manifest_hash


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damage") / "sound"
    vectors: dict[str, Any] = {"raw": [{7: 1.0}, {}], "words": [{"x": 1.0}, {"y": 1.0}]}
    seismic.build(vectors, path, fields={"raw": {}, "words": {"vocabulary": ["x", "y"]}})
    assert seismic.verify(path).damages == []
    return path


def damaged(sound: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Return what `verify` finds after a change of the manifest, whose hash is made to match."""
    file = sound / "generations" / "000001" / "manifest.json"
    before = file.read_text()
    content = json.loads(before)
    del content["hash"]
    change(content)
    file.write_text(json.dumps(content | {"hash": manifest_hash(content)}))
    try:
        return " ".join(f"{damage.file} {damage.problem}" for damage in seismic.verify(sound).damages)
    finally:
        file.write_text(before)


def test_wrong_numbers_of_documents(sound: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["shards"][0]["fields"]["raw"] = 2

    assert "found 2 documents with 'raw' in shard-00000, expected 1" in damaged(sound, change)


def test_tokens_of_no_field(sound: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["fields"][0]["name"] = "other"
        content["shards"][0]["fields"] = {"other": 1, "words": 2}

    assert "is of none of other, words" in damaged(sound, change)


def test_tokens_that_are_no_numbers(sound: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["fields"][1]["numbered"] = True

    assert "found a token that is no number below 2^32" in damaged(sound, change)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content["fields"][1].update(name="raw"), "fields: found a name twice in raw, raw"),
        (lambda content: content["shards"][0]["fields"].pop("raw"), "expected documents of each field"),
        (lambda content: content["shards"][0]["fields"].update(raw=3), "expected documents of each field"),
        (lambda content: content["fields"][0].update(weight=-1), "weight"),
    ],
)
def test_tables_that_contradict_themselves(sound: Path, change: Callable[[Any], Any], problem: str) -> None:
    assert problem in damaged(sound, change)
    file = sound / "generations" / "000001" / "manifest.json"
    before = file.read_text()
    content = json.loads(before)
    del content["hash"]
    change(content)
    file.write_text(json.dumps(content | {"hash": manifest_hash(content)}))
    try:
        with pytest.raises(CorruptIndexError, match=problem):
            seismic.open(sound)
    finally:
        file.write_text(before)
