import os
from pathlib import Path

import pytest

from seismic import IndexNotFoundError, LockedError, OutputExistsError, StorageError
from seismic.store import publish
from seismic.store.collection import current_generation, generation_names, is_collection
from seismic.store.publish import staging
from tests.store.conftest import text_of, write_generation


def publish_one(collection: Path, text: str = "content", *, replace: bool = False, keep: int = 2) -> str:
    with staging(collection, replace=replace, keep=keep) as (folder, name):
        write_generation(folder, name, text)
    return name


def fail_inside(collection: Path, error: type[BaseException], *, replace: bool = False) -> None:
    with staging(collection, replace=replace) as (folder, _):
        (folder / "file").write_text("half")
        raise error


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


WHOLE = {"CURRENT", "generations", "generations/000001", "generations/000001/manifest.json"}


@pytest.mark.parametrize("prepared", [False, True])
def test_a_fresh_collection(tmp_path: Path, prepared: bool) -> None:
    collection = tmp_path / "deep/new"
    if prepared:
        collection.mkdir(parents=True)
    assert not is_collection(collection)
    assert publish_one(collection) == "000001"
    assert contents(collection) == WHOLE
    assert is_collection(collection)
    assert current_generation(collection) == "000001"
    assert (collection / "CURRENT").read_text() == "000001\n"


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with staging(tmp_path, replace=False) as (folder, name):
        assert folder.parent == tmp_path / "generations"
        assert not (folder.parent / name).exists()
        with pytest.raises(IndexNotFoundError):
            current_generation(tmp_path)
        write_generation(folder, name, "content")


def test_existing_collections_are_refused(tmp_path: Path) -> None:
    publish_one(tmp_path / "c")
    with pytest.raises(OutputExistsError, match=r"exists; choose another folder, or .* with replace"):
        publish_one(tmp_path / "c", "other")
    assert contents(tmp_path / "c") == WHOLE


@pytest.mark.parametrize("replace", [False, True])
def test_other_files_are_never_built_over(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="choose another folder"):
        publish_one(tmp_path, replace=replace)
    assert contents(tmp_path) == {"notes.txt"}


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_is_not_a_collection(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="file"):
        publish_one(tmp_path / "file", replace=replace)
    assert (tmp_path / "file").read_text() == "mine"


def test_replacing_publishes_the_next_generation(tmp_path: Path) -> None:
    for number in range(1, 4):
        assert publish_one(tmp_path / "c", str(number), replace=True) == f"{number:06d}"
        assert current_generation(tmp_path / "c") == f"{number:06d}"
    assert generation_names(tmp_path / "c") == ["000002", "000003"]
    assert [text_of(tmp_path / "c", name) for name in ("000002", "000003")] == ["2", "3"]


def test_generations_are_never_used_twice(tmp_path: Path) -> None:
    publish_one(tmp_path)
    (tmp_path / "generations/000009").mkdir()
    assert publish_one(tmp_path, replace=True) == "000010"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_build_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail_inside(tmp_path / "deep/new", error)
    assert contents(tmp_path) == set()
    (tmp_path / "prepared").mkdir()
    with pytest.raises(error):
        fail_inside(tmp_path / "prepared", error)
    assert contents(tmp_path) == {"prepared"}


def test_a_failed_replacement_leaves_the_old_generation(tmp_path: Path) -> None:
    publish_one(tmp_path)
    with pytest.raises(RuntimeError):
        fail_inside(tmp_path, RuntimeError, replace=True)
    assert contents(tmp_path) == WHOLE


@pytest.mark.parametrize("step", ["fsync", "os.replace"])
def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    publish_one(tmp_path / "c")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"{publish.__name__}.{step}", fail)
        with pytest.raises(StorageError, match=r"cannot write .*No space left on device"):
            publish_one(tmp_path / "c", replace=True)
    assert current_generation(tmp_path / "c") == "000001"
    assert publish_one(tmp_path / "c", replace=True) > "000001"


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        publish_one(tmp_path / "file/below")
    with pytest.raises(StorageError, match="cannot write"):
        publish_one(tmp_path / "file/below", replace=True)


def publish_within(collection: Path, *, replace: bool) -> None:
    """Run a build, and another one meanwhile."""
    with staging(collection, replace=replace) as (folder, _):
        (folder / "file").write_text("first")
        publish_one(collection, "second", replace=replace)


@pytest.mark.parametrize("replace", [False, True])
def test_one_build_at_a_time(tmp_path: Path, replace: bool) -> None:
    if replace:
        publish_one(tmp_path / "c")
    before = contents(tmp_path)
    with pytest.raises(LockedError, match=rf"c/LOCK is held: found build by process {os.getpid()} on .*; wait"):
        publish_within(tmp_path / "c", replace=replace)
    assert contents(tmp_path) == before
    publish_one(tmp_path / "c", replace=replace)


@pytest.mark.parametrize("name", ["missing", "file/below"])
def test_no_index_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexNotFoundError, match=r"no index there \(no CURRENT file\); build one first"):
        current_generation(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"latest\n", b"../../elsewhere\n", b"\xff\xfe", b"1\n2\n"])
def test_pointers_to_no_generation(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(StorageError, match="expected the number of a generation"):
        current_generation(tmp_path)


def test_a_killed_first_build_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "c/generations/.staging-killed").mkdir(parents=True)
    assert publish_one(tmp_path / "c") == "000001"
    assert is_collection(tmp_path / "c")


def test_the_root_of_a_disk_is_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"x")
    with staging(tmp_path, replace=False) as (folder, name):
        write_generation(folder, name, "new")
    assert text_of(tmp_path, name) == "new"
