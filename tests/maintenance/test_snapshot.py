import re
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
import xxhash

import seismic
from seismic import CorruptIndexError, FormatError, OutputExistsError, SparseVectors, StorageError
from seismic.store import archive
from seismic.store.archive import INDEX
from tests import samples

ROWS = [{0: 1.0, 3: 2.0}, {1: 1.0}, {2: 3.0}]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    samples.opened(tmp_path, ROWS, 10, documents=pa.table({"id": ["a", "b", "c"]}), shards=2)
    return tmp_path / "index"


@pytest.fixture
def snapshot(collection: Path, tmp_path: Path) -> Path:
    seismic.create_snapshot(collection, tmp_path / "snapshot")
    return tmp_path / "snapshot"


def ids(collection: Path) -> list[str]:
    with seismic.open(collection, verify="full") as index:
        hits = index.search({"indices": [*range(10)], "values": [1.0] * 10}, 100)
    return sorted(str(hit.id) for hit in hits)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("compress", [False, True])
def test_there_and_back(collection: Path, tmp_path: Path, compress: bool) -> None:
    size = seismic.create_snapshot(str(collection), str(tmp_path / "file"), compress=compress)
    assert size == (tmp_path / "file").stat().st_size
    folder = seismic.restore_snapshot(str(tmp_path / "file"), str(tmp_path / "deep/copy"))
    assert folder == tmp_path / "deep/copy/generations/000001"
    for path in folder.rglob("*.arrow"):
        name = path.relative_to(folder)
        assert path.read_bytes() == (collection / "generations/000001" / name).read_bytes()
    assert ids(tmp_path / "deep/copy") == ["a", "b", "c"]
    assert names(tmp_path) == ["deep", "file", "index"]
    with (tmp_path / "file").open("rb") as file:
        assert (file.read(4) == archive.ZSTD_MAGIC) == compress


def test_the_same_state_gives_the_same_bytes(collection: Path, snapshot: Path, tmp_path: Path) -> None:
    seismic.create_snapshot(collection, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == snapshot.read_bytes()


def test_changes_are_in_it(collection: Path, tmp_path: Path) -> None:
    seismic.upsert(collection, SparseVectors.from_dicts([{5: 1.0}], 10), pa.table({"id": ["d"]}))
    seismic.delete(collection, ["a"])
    seismic.create_snapshot(collection, tmp_path / "file")
    seismic.delete(collection, ["b"])
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert ids(tmp_path / "copy") == ["b", "c", "d"]
    assert seismic.restore_snapshot(tmp_path / "file", collection).name == "000002"
    assert ids(collection) == ["b", "c", "d"]  # earlier changes are void
    seismic.delete(collection, ["c"])
    assert ids(collection) == ["b", "d"]
    assert seismic.rollback(collection) == "000001"
    assert "a" not in ids(collection)


def test_changes_that_leave_nothing(collection: Path, tmp_path: Path) -> None:
    seismic.delete(collection, ["a", "b", "c"])
    seismic.create_snapshot(collection, tmp_path / "file")
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert ids(tmp_path / "copy") == []
    seismic.compact(tmp_path / "copy")
    seismic.create_snapshot(tmp_path / "copy", tmp_path / "empty")
    seismic.restore_snapshot(tmp_path / "empty", tmp_path / "again")
    assert ids(tmp_path / "again") == []
    seismic.upsert(tmp_path / "again", SparseVectors.from_dicts([{5: 1.0}], 10), pa.table({"id": ["d"]}))
    assert ids(tmp_path / "again") == ["d"]


def test_a_collection_that_is_open_takes_it_up(collection: Path, snapshot: Path) -> None:
    with seismic.open(collection) as index:
        seismic.delete(collection, ["a"])
        assert index.refresh()
        seismic.restore_snapshot(snapshot, collection)
        assert index.refresh()
        assert (index.generation, len(index)) == ("000002", 3)


def test_a_writer_that_publishes_meanwhile(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = archive._info

    def info(name: str, size: int) -> tarfile.TarInfo:
        if name == INDEX:
            for _ in range(3):
                seismic.build(SparseVectors.from_dicts([{0: 1.0}], 10), collection, replace=True, keep=1)
        return real(name, size)

    monkeypatch.setattr(archive, "_info", info)
    seismic.create_snapshot(collection, tmp_path / "file")
    assert names(collection / "generations") == ["000001", "000004"]  # held until it was read
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert ids(tmp_path / "copy") == ["a", "b", "c"]


def test_damage_makes_no_snapshot(collection: Path, tmp_path: Path) -> None:
    path = collection / "generations/000001/shard-00001/documents.arrow"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptIndexError, match=r"documents\.arrow does not match its hash; see `seismic verify`"):
        seismic.create_snapshot(collection, tmp_path / "file")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StorageError, match=r"cannot write .*unexpected end of data"):
        seismic.create_snapshot(collection, tmp_path / "file")
    path.unlink()
    with pytest.raises(CorruptIndexError, match=r"documents\.arrow cannot be read: No such file"):
        seismic.create_snapshot(collection, tmp_path / "file")
    assert names(tmp_path) == ["index"]


def test_files_are_not_written_over(collection: Path, snapshot: Path, tmp_path: Path) -> None:
    before = snapshot.read_bytes()
    with pytest.raises(OutputExistsError, match="snapshot exists; choose another name"):
        seismic.create_snapshot(collection, snapshot)
    assert snapshot.read_bytes() == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine").touch()
    with pytest.raises(OutputExistsError, match="is not a collection"):
        seismic.restore_snapshot(snapshot, tmp_path / "notes")
    assert names(tmp_path / "notes") == ["mine"]


def refused(file: Path, target: Path, error: type[Exception] = CorruptIndexError) -> str:
    with pytest.raises(error) as caught:
        seismic.restore_snapshot(file, target)
    assert not target.exists()
    return str(caught.value)


@pytest.mark.parametrize("compress", [False, True])
def test_truncated_snapshots(collection: Path, tmp_path: Path, compress: bool) -> None:
    seismic.create_snapshot(collection, tmp_path / "whole", compress=compress)
    content = (tmp_path / "whole").read_bytes()
    for share in (0, 0.01, 0.2, 0.5, 0.6):  # the last tenths may be padding
        (tmp_path / "file").write_bytes(content[: int(share * len(content))])
        assert "is not a complete snapshot: " in refused(tmp_path / "file", tmp_path / "copy")


@pytest.mark.parametrize("content", [b"hello", bytes(20_000), b"ARROW1\0\0" * 999, archive.ZSTD_MAGIC + b"x" * 99])
def test_foreign_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert "is not a complete snapshot: " in refused(tmp_path / "file", tmp_path / "copy")
    assert "is not a complete snapshot: " in refused(tmp_path / "missing", tmp_path / "copy")


def test_damaged_snapshots_are_refused_or_harmless(snapshot: Path, tmp_path: Path) -> None:
    content = snapshot.read_bytes()
    harmless = 0
    for at in range(100, len(content), len(content) // 40):
        (tmp_path / "file").write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
        try:
            seismic.restore_snapshot(tmp_path / "file", tmp_path / f"copy-{at}")
        except CorruptIndexError:
            assert not (tmp_path / f"copy-{at}").exists()
        else:
            harmless += 1  # padding
            assert ids(tmp_path / f"copy-{at}") == ["a", "b", "c"]
    assert harmless < 20


def rewritten(snapshot: Path, change: Callable[[dict[str, list[list[object]]]], object], order: int = 1) -> None:
    """Rewrite a snapshot with valid hashes."""
    with tarfile.open(snapshot) as tar:
        files = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    index = orjson.loads(files.pop(INDEX))
    del index["hash"]
    change(index)
    files = {INDEX: orjson.dumps({**index, "hash": archive._hash(index)}), **dict([*files.items()][::order])}
    with tarfile.open(snapshot, "w") as tar:
        for name, content in files.items():
            tar.addfile(archive._info(name, len(content)), BytesIO(content))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda index: index["members"][0].__setitem__(0, "../manifest.json"), r"it lists '\.\./manifest\.json'"),
        (lambda index: index["members"].append(index["members"][0]), r"it lists 'manifest\.json'"),
        (lambda index: index["members"].append(["more.arrow", 1, ""]), r"found the end, expected more\.arrow"),
        (lambda index: index["members"][1].__setitem__(1, 7), "does not match its hash"),
        (lambda index: index.pop("members"), "members"),
        (lambda index: index["members"].pop(0), "expected"),
    ],
)
def test_lists_that_do_not_fit(
    snapshot: Path, tmp_path: Path, change: Callable[[dict[str, list[list[object]]]], object], problem: str
) -> None:
    rewritten(snapshot, change)
    assert re.search(problem, refused(snapshot, tmp_path / "copy"))


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_written(tmp_path: Path) -> None:
    size = 1 << 28
    zeros = xxhash.xxh3_128(bytes(size)).hexdigest()
    bomb, index = tmp_path / "bomb", {"format": "1.0", "seismic": "0", "members": [["manifest.json", size, zeros]]}
    with archive._writer(bomb, compress=True) as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
        listed = orjson.dumps({**index, "hash": archive._hash(index)})
        tar.addfile(archive._info(INDEX, len(listed)), BytesIO(listed))
        tar.addfile(archive._info("manifest.json", size), BytesIO(bytes(size)))
    assert bomb.stat().st_size < 50_000
    assert f"it lists {size} bytes, expected at most" in refused(bomb, tmp_path / "copy")


def test_lists_that_differ_from_the_manifest(snapshot: Path, tmp_path: Path) -> None:
    with tarfile.open(snapshot) as tar:
        files = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    name = next(name for name in files if name.endswith("shared.arrow"))
    files[name] += bytes(10)
    index = orjson.loads(files.pop(INDEX))
    members = [[name, len(content), xxhash.xxh3_128_hexdigest(content)] for name, content in files.items()]
    del index["hash"]
    index["members"] = members
    with tarfile.open(snapshot, "w") as tar:
        for name, content in {INDEX: orjson.dumps({**index, "hash": archive._hash(index)}), **files}.items():
            tar.addfile(archive._info(name, len(content)), BytesIO(content))
    assert "shared.arrow does not match the manifest" in refused(snapshot, tmp_path / "copy")


def test_segments_have_twenty_digits(snapshot: Path, tmp_path: Path) -> None:
    rewritten(snapshot, lambda index: index["members"].append(["log/abc.log", 1, ""]))
    assert "it lists 'log/abc.log'" in refused(snapshot, tmp_path / "copy")


def test_a_snapshot_does_not_write_to_its_source(collection: Path, tmp_path: Path) -> None:
    seismic.upsert(collection, SparseVectors.from_dicts([{5: 1.0}], 10), pa.table({"id": ["d"]}))

    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [collection, *collection.rglob("*")]}

    before = state()
    seismic.create_snapshot(collection, tmp_path / "file")
    assert state() == before
    (collection / "log/notes.log").touch()  # not ours
    seismic.restore_snapshot(tmp_path / "file", tmp_path / "copy")
    assert ids(tmp_path / "copy") == ids(collection) == ["a", "b", "c", "d"]


def test_members_in_another_order(snapshot: Path, tmp_path: Path) -> None:
    rewritten(snapshot, lambda index: None, order=-1)
    assert "expected manifest.json" in refused(snapshot, tmp_path / "copy")


def test_later_formats(snapshot: Path, tmp_path: Path) -> None:
    rewritten(snapshot, lambda index: index.update(format="2.0", seismic="9.8.7"))  # type: ignore[arg-type]
    message = refused(snapshot, tmp_path / "copy", FormatError)
    assert "found snapshot format 2.0" in message
    assert "9.8.7" in message


@pytest.mark.parametrize("step", ["fsync", "tarfile.TarFile.addfile"])
def test_a_full_disk(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"seismic.store.archive.{step}", fail)
    with pytest.raises(StorageError, match=r"cannot write .*No space left on device"):
        seismic.create_snapshot(collection, tmp_path / "file")
    assert names(tmp_path) == ["index"]
