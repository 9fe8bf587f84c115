import os
import threading
from pathlib import Path

import pytest

import seismic
from seismic import IndexNotFoundError, LockedError, OutputExistsError, ParameterError, StorageError
from seismic.changes.updates import Writer
from seismic.maintenance.lifecycle import DROPPED
from seismic.store.lock import writing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the collections `new` and `old`, of one document each, the id of which is the name."""
    for name in ("new", "old"):
        seismic.build([{1: 1.0}], tmp_path / name, documents={"id": [name]})
    return tmp_path


def ids(path: Path) -> list[str]:
    with seismic.open(path) as index:
        return [hit.id for hit in index.search({1: 1.0})]


def test_drop(folder: Path) -> None:
    seismic.alias(folder, "books", "old")
    seismic.alias(folder, "others", "new")
    with seismic.open(folder / "old") as index:
        seismic.drop(folder / "old")
        assert sorted(os.listdir(folder)) == ["new", "others"]
        assert [hit.id for hit in index.search({1: 1.0})] == ["old"]
        with pytest.raises(IndexNotFoundError):
            index.refresh()
    with pytest.raises(IndexNotFoundError, match="no collection there"):
        seismic.drop(folder / "old")


def test_drop_of_a_damaged_collection(folder: Path) -> None:
    (folder / "old" / "CURRENT").write_text("?")
    (folder / "new" / "CURRENT").unlink()
    for name in ("old", "new"):
        seismic.drop(folder / name)
    assert os.listdir(folder) == []


def test_drop_refuses_what_is_no_collection(folder: Path) -> None:
    (folder / "plain").mkdir()
    (folder / "plain" / "CURRENT.txt").touch()
    with pytest.raises(IndexNotFoundError, match="no collection there"):
        seismic.drop(folder / "plain")
    (folder / "old" / "notes.txt").touch()
    with pytest.raises(StorageError, match=r"found 'notes\.txt', which is not part of a collection, so"):
        seismic.drop(folder / "old")
    seismic.alias(folder, "books", "new")
    with pytest.raises(StorageError, match="is an alias of 'new'"):
        seismic.drop(folder / "books")
    assert (ids(folder / "old"), ids(folder / "books")) == (["old"], ["new"])


def test_drop_waits_for_no_writer(folder: Path) -> None:
    with writing(folder / "old", "compaction"), pytest.raises(LockedError, match="found compaction by process"):
        seismic.drop(folder / "old")
    assert ids(folder / "old") == ["old"]


def test_writers_notice_a_drop(folder: Path) -> None:
    writer = Writer(folder / "old")
    seismic.drop(folder / "old")
    with pytest.raises(StorageError):
        writer.delete(["old"])
    assert os.listdir(folder) == ["new"]
    seismic.create(folder / "old", dimension=2)
    writer.upsert([{1: 1.0}], {"id": ["again"]})  # into the new collection
    assert ids(folder / "old") == ["again"]


def test_half_finished_drops_are_finished(folder: Path) -> None:
    (folder / "old").rename(folder / f"{DROPPED}x")
    assert seismic.collections(folder) == ["new"]
    seismic.drop(folder / "new")
    assert os.listdir(folder) == []


def test_rename(folder: Path) -> None:
    seismic.alias(folder, "books", "old")
    assert seismic.rename(folder, "old", "older") == folder / "older"
    assert seismic.collections(folder) == ["new", "older"]
    assert seismic.aliases(folder) == {"books": "older"}
    assert ids(folder / "books") == ["old"]
    with pytest.raises(OutputExistsError):
        seismic.rename(folder, "older", "new")
    with pytest.raises(OutputExistsError):
        seismic.rename(folder, "older", "books")
    with pytest.raises(IndexNotFoundError):
        seismic.rename(folder, "old", "other")
    with pytest.raises(StorageError, match="is an alias"):
        seismic.rename(folder, "books", "other")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a:b", " a", "a\n", "x" * 201, "lost+found", "\ud800", 3])
def test_names_that_cannot_be_served(folder: Path, name: str) -> None:
    for wrong in (
        lambda: seismic.rename(folder, "old", name),
        lambda: seismic.alias(folder, name, "old"),
        lambda: seismic.alias(folder, "books", name),
    ):
        with pytest.raises(ParameterError, match="expected 1 to 200 bytes of text without '/' and ':'"):
            wrong()


def test_aliases(folder: Path) -> None:
    seismic.alias(folder, "books", "old")
    assert os.readlink(folder / "books") == "old"
    assert ids(folder / "books") == ["old"]
    seismic.upsert(folder / "books", [{1: 2.0}], {"id": ["more"]})
    assert ids(folder / "old") == ["more", "old"]
    seismic.alias(folder, "books", "new")
    assert (ids(folder / "books"), seismic.aliases(folder)) == (["new"], {"books": "new"})
    assert seismic.collections(folder) == ["new", "old"]
    with pytest.raises(IndexNotFoundError):
        seismic.alias(folder, "books", "nothing")
    with pytest.raises(OutputExistsError, match="is no alias"):
        seismic.alias(folder, "old", "new")
    with pytest.raises(StorageError, match="is an alias of 'new'"):
        seismic.alias(folder, "others", "books")
    with pytest.raises(IndexNotFoundError, match="found no alias; there are books"):
        seismic.unalias(folder, "old")
    seismic.unalias(folder, "books")
    assert sorted(os.listdir(folder)) == ["new", "old"]


def test_a_switch_of_an_alias_is_atomic(folder: Path) -> None:
    seismic.alias(folder, "books", "old")
    (folder / ".seismic-alias-next").symlink_to("nothing")  # of a killed call
    found: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found.update(ids(folder / "books"))

    reader = threading.Thread(target=read)
    reader.start()
    for name in ["new", "old"] * 20:
        seismic.alias(folder, "books", name)
    done.set()
    reader.join()
    assert found <= {"new", "old"}
    assert sorted(os.listdir(folder)) == ["books", "new", "old"]
