import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seismic
from seismic import IndexNotFoundError, LockedError, ParameterError, SparseVectors, StorageError
from seismic.store import garbage, lock, opening
from seismic.store.collection import current_generation, generation_names
from seismic.store.lock import Lease, try_exclusive, writing

OPEN = """
import sys
import seismic

index = seismic.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def publish_one(collection: Path, *, replace: bool = False, keep: int = 2) -> None:
    """Publish the smallest generation that opens."""
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 1), collection, replace=replace, keep=keep)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Create a collection of three generations."""
    for _ in range(3):
        publish_one(tmp_path / "c", replace=True, keep=3)
    return tmp_path / "c"


def test_builds_keep_the_newest(tmp_path: Path) -> None:
    for _ in range(4):
        publish_one(tmp_path, replace=True, keep=3)
    assert generation_names(tmp_path) == ["000002", "000003", "000004"]
    publish_one(tmp_path, replace=True, keep=1)
    assert generation_names(tmp_path) == ["000005"]
    with pytest.raises(ParameterError, match="keep is 0, expected at least 1"):
        publish_one(tmp_path, replace=True, keep=0)


def test_generations(three: Path) -> None:
    (three / "generations/000002/manifest.json").write_text("{")
    found = seismic.generations(three)
    assert [(info.generation, info.current, info.open) for info in found] == [
        ("000001", False, False),
        ("000002", False, False),
        ("000003", True, False),
    ]
    assert [info.problem is None for info in found] == [True, False, True]


def test_rollback(three: Path) -> None:
    assert seismic.rollback(three) == "000002" == current_generation(three)
    assert seismic.rollback(str(three)) == "000001"
    with pytest.raises(IndexNotFoundError, match="found no generation older than 000001, which is served"):
        seismic.rollback(three)
    assert seismic.rollback(three, "3") == "000003" == current_generation(three)
    with pytest.raises(IndexNotFoundError, match=r"found no generation '9'; there are 000001, 000002, 000003"):
        seismic.rollback(three, "9")


def test_what_was_rolled_back_to_outlives_the_next_build(three: Path) -> None:
    seismic.rollback(three, "1")
    publish_one(three, replace=True, keep=2)
    assert generation_names(three) == ["000001", "000004"]


def test_damaged_generations_are_not_rolled_back_to(three: Path) -> None:
    (three / "generations/000002/manifest.json").write_text("{")
    with pytest.raises(StorageError, match=r"000002 is damaged, so nothing was changed: manifest.json: "):
        seismic.rollback(three)
    assert current_generation(three) == "000003"


@pytest.mark.parametrize("content", [None, b"", b"junk"])
def test_rollback_repairs_a_damaged_pointer(three: Path, content: bytes | None) -> None:
    (three / "CURRENT").unlink()
    if content is not None:
        (three / "CURRENT").write_bytes(content)
    assert not any(info.current for info in seismic.generations(three))
    assert seismic.rollback(three, "2") == "000002" == current_generation(three)


def test_rollback_waits_for_no_build(three: Path) -> None:
    with writing(three, "build"):
        seismic.rollback(three)
        with pytest.raises(LockedError):
            seismic.collect_garbage(three)
    assert current_generation(three) == "000002"


def test_no_generations_there(tmp_path: Path) -> None:
    for use in (seismic.generations, seismic.rollback, seismic.collect_garbage):
        with pytest.raises(IndexNotFoundError):
            use(tmp_path / "missing")


def test_garbage(three: Path) -> None:
    (three / "generations/.staging-killed/inner").mkdir(parents=True)
    (three / "generations/.trash-000000").mkdir()
    assert sorted(seismic.collect_garbage(three)) == [".staging-killed", ".trash-000000", "000001"]
    assert seismic.collect_garbage(three) == []
    seismic.rollback(three)
    assert seismic.collect_garbage(three, keep=1) == ["000003"]
    assert generation_names(three) == ["000002"]
    with pytest.raises(ParameterError, match="keep is 0"):
        seismic.collect_garbage(three, keep=0)


def test_the_next_writer_removes_what_killed_ones_left(three: Path) -> None:
    (three / "generations/.staging-killed").mkdir()
    publish_one(three, replace=True)
    assert sorted(path.name for path in (three / "generations").iterdir()) == ["000003", "000004"]


def test_a_generation_without_manifest_has_no_readers(three: Path) -> None:
    (three / "generations/000001/manifest.json").unlink()
    assert seismic.collect_garbage(three, keep=1) == ["000001", "000002"]


def test_what_cannot_be_removed_stays(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(garbage, "try_exclusive", fail)
    assert seismic.collect_garbage(three, keep=1) == []


def test_nobody_removes_what_an_index_has_open(three: Path) -> None:
    index = seismic.open(three)
    publish_one(three, replace=True, keep=1)
    assert generation_names(three) == ["000003", "000004"]
    assert [info.open for info in seismic.generations(three)] == [True, False]
    index.close()
    assert seismic.collect_garbage(three, keep=1) == ["000003"]
    index = seismic.open(three)
    del index  # dropped without `close`
    publish_one(three, replace=True, keep=1)
    assert generation_names(three) == ["000005"]


def test_other_processes_count_until_they_end(three: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(three)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        publish_one(three, replace=True, keep=1)
        assert generation_names(three) == ["000003", "000004"]
        process.kill()
        process.wait()
        assert seismic.collect_garbage(three, keep=1) == ["000003"]


def test_an_index_overtaken_while_it_opens_takes_the_next_generation(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtakes = [lambda: publish_one(three, replace=True, keep=1)]

    def lease(path: Path) -> Lease:
        if overtakes:
            overtakes.pop()()
        return Lease(path)

    monkeypatch.setattr(opening, "Lease", lease)
    with seismic.open(three) as index:
        assert index.generation == "000004"


def test_a_lease_of_a_file_that_was_removed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(lock, "is_same_file", lambda descriptor, path: False)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError, match="was removed"):
        Lease(tmp_path / "file")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_leases_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    (tmp_path / "file").touch()
    monkeypatch.setattr(lock.fcntl, "flock", fail)
    Lease(tmp_path / "file").close()
    with try_exclusive(tmp_path / "file") as alone:
        assert not alone  # unknown


def test_files_that_cannot_be_written_can_be_leased(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def read_only(path: Path, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest)

    monkeypatch.setattr(lock.os, "open", read_only)
    with seismic.open(three) as index:
        assert index.generation == "000003"
        assert [info.open for info in seismic.generations(three)] == [False, False, True]
