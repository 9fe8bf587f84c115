import importlib
import json
import shutil
from pathlib import Path

import pytest

import seismic
from seismic import CorruptIndexError, FormatError
from seismic.store import manifest
from seismic.store.collection import generation_names
from seismic.store.manifest import FILE_NAME
from tests import samples

module = importlib.import_module("seismic.maintenance.migrate")  # `seismic.migrate` is the function


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    samples.opened(tmp_path, [{0: 1.0}, {1: 1.0}], 4)
    return tmp_path / "index"


def aged(collection: Path, version: str, generation: str = "000001") -> None:
    """Turn a generation into one of an older format, which differs in one name."""
    path = collection / "generations" / generation / FILE_NAME
    content = json.loads(path.read_text())
    content["format"], content["size"] = version, content.pop("documents")
    del content["hash"]
    path.write_text(json.dumps({**content, "hash": manifest.manifest_hash(content)}))


def renamed(old: Path, new: Path) -> None:
    """Migrate from 0.8 to 0.9: only the number changes."""
    shutil.copytree(old, new, dirs_exist_ok=True)
    content = json.loads((old / FILE_NAME).read_text())
    (new / FILE_NAME).write_text(json.dumps({**content, "format": "0.9"}))


def counted(old: Path, new: Path) -> None:
    """Migrate from 0.9 to 1.0."""
    shutil.copytree(old, new, dirs_exist_ok=True)
    content = json.loads((old / FILE_NAME).read_text())
    del content["hash"]
    content = {**content, "format": "1.0", "documents": content.pop("size")}
    (new / FILE_NAME).write_text(json.dumps({**content, "hash": manifest.manifest_hash(content)}))


def test_nothing_to_do(collection: Path) -> None:
    assert seismic.migrate(collection) is None
    assert generation_names(collection) == ["000001"]


@pytest.mark.parametrize("version", ["0.8", "0.9"])
def test_step_by_step(collection: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setitem(module.MIGRATIONS, "0.8", ("0.9", renamed))
    monkeypatch.setitem(module.MIGRATIONS, "0.9", ("1.0", counted))
    aged(collection, version)
    with pytest.raises(FormatError, match=rf"found format {version}"):
        seismic.open(collection)
    folder = seismic.migrate(collection)
    assert folder == collection / "generations/000002"
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    assert seismic.verify(collection).damages == []
    with seismic.open(collection) as index:
        assert len(index.search({"indices": [0], "values": [1.0]})) == 1
    assert generation_names(collection) == ["000001", "000002"]


def test_a_migration_that_fails_changes_nothing(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.MIGRATIONS, "0.9", ("1.0", renamed))
    aged(collection, "0.9")
    with pytest.raises(FormatError, match=r"found format 0\.9"):
        seismic.migrate(collection)
    assert generation_names(collection) == ["000001"]


def test_damage_is_not_migrated(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.MIGRATIONS, "0.9", ("1.0", counted))
    aged(collection, "0.9")
    file = collection / "generations/000001/shard-00000/shared.arrow"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptIndexError, match=r"shared\.arrow, .*: bytes .*; nothing was changed"):
        seismic.migrate(collection)
    assert generation_names(collection) == ["000001"]


def test_a_manifest_that_was_changed_is_not_migrated(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.MIGRATIONS, "0.9", ("1.0", counted))
    aged(collection, "0.9")
    path = collection / "generations/000001" / FILE_NAME
    path.write_text(path.read_text().replace('"sequence": 0', '"sequence": 7'))
    with pytest.raises(CorruptIndexError, match=r"does not match its own hash.*; nothing was changed"):
        seismic.migrate(collection)
    assert generation_names(collection) == ["000001"]


def test_formats_that_nothing_leads_from(collection: Path) -> None:
    aged(collection, "7.0")
    with pytest.raises(FormatError, match=r"found format 7\.0, this release migrates from 1\.0; use the release that"):
        seismic.migrate(collection)
    with pytest.raises(FormatError, match=r"found format 7\.0"):
        seismic.build(samples.random_vectors(3), collection, replace=True)


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_manifests_that_name_no_format(collection: Path, content: str) -> None:
    (collection / "generations/000001" / FILE_NAME).write_text(content)
    with pytest.raises(CorruptIndexError, match="names no format"):
        seismic.migrate(collection)
