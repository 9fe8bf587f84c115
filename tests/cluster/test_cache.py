"""Files of generations: a cache by hash, leases on shared storage, and pushes into it."""

import logging
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem

import seismic
from seismic import Index, ParameterError, StorageError
from seismic.cluster import sources
from seismic.cluster.cache import Cache, CachedCollection
from seismic.cluster.connection import Address
from seismic.cluster.node import Node
from seismic.cluster.push import push
from seismic.cluster.sources import Heartbeat, SharedFolder
from seismic.cluster.spec import PartSpec
from seismic.cluster.storage import Storage
from seismic.cluster.topology import PartNodes, Topology, open_cluster
from seismic.errors import ConflictError, CorruptIndexError, FullDiskError, OutputExistsError
from seismic.store import leases as leases_of
from seismic.store.garbage import TRASH
from seismic.store.history import collect_garbage, generations
from seismic.store.leases import Leases
from seismic.store.manifest import Manifest, read_manifest
from tests.cluster.collections import assert_same, build
from tests.samples import random_vectors

FIRST, SECOND = PartSpec.parse("1/2"), PartSpec.parse("2/2+changes")
VECTORS = random_vectors(400)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A collection of four shards without changes, in shared storage."""
    folder = tmp_path / "shared" / "books"
    seismic.build(VECTORS, folder, shards=4)
    return folder


@pytest.fixture
def cached(tmp_path: Path, shared: Path) -> Iterator[CachedCollection]:
    found = Cache(tmp_path / "cache").collection(shared)
    yield found
    found.close()


def manifest_of(collection: Path, name: str = "000001") -> Manifest:
    return read_manifest(collection / "generations" / name)


def cache_files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (folder / "files").iterdir()}


def test_a_part_has_its_files_and_links_them(tmp_path: Path, shared: Path, cached: CachedCollection) -> None:
    cached.fetch("000001", FIRST)
    shards = manifest_of(shared).shards
    found = {path.parent.name for path in cached.folder.rglob("*.arrow")}
    assert found == {"shard-00000", "shard-00001"}
    assert set(cache_files(tmp_path / "cache")) == {
        file.xxh3_128 for shard in shards[:2] for file in shard.files.values()
    }
    cached.fetch("000001", SECOND)
    with seismic.open(cached.folder, verify="full") as index, seismic.open(shared) as other:
        assert index.search({1: 1.0}, k=9) == other.search({1: 1.0}, k=9)
    for path in cached.folder.rglob("*.arrow"):
        assert path.stat().st_nlink > 1


def test_a_flipped_byte_is_fetched_again(
    tmp_path: Path, shared: Path, cached: CachedCollection, caplog: pytest.LogCaptureFixture
) -> None:
    cached.fetch("000001", FIRST)
    before = cache_files(tmp_path / "cache")
    victim = tmp_path / "cache" / "files" / manifest_of(shared).shards[0].files["shared.arrow"].xxh3_128
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(bytes(content))
    with caplog.at_level(logging.WARNING):
        cached.fetch("000001", FIRST)
    assert f"{victim} does not match its hash; it is fetched again" in caplog.text
    after = cache_files(tmp_path / "cache")
    assert [name for name in after if after[name] != before[name]] == [victim.name]
    linked = cached.folder / "generations/000001/shard-00000/shared.arrow"
    assert linked.read_bytes() == (shared / "generations/000001/shard-00000/shared.arrow").read_bytes()


def test_a_damaged_source_is_not_kept(tmp_path: Path, shared: Path, cached: CachedCollection) -> None:
    victim = shared / "generations/000001/shard-00001/documents.arrow"
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(CorruptIndexError, match=r"in shared storage, expected .*; restore the generation"):
        cached.fetch("000001", FIRST)
    assert manifest_of(shared).shards[1].files["documents.arrow"].xxh3_128 not in cache_files(tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache" / "files").iterdir() if path.suffix]
    victim.unlink()
    with pytest.raises(CorruptIndexError, match=r"documents\.arrow is missing, although the manifest lists it"):
        cached.fetch("000001", FIRST)
    with pytest.raises(StorageError, match="found no generation 000007"):
        cached.fetch("000007", FIRST)


def fetched(cache: Path, address: Path, opened: Any, start: Any) -> None:
    """Fetch in a process of its own, and count the files that it opens in the storage."""
    collection = Cache(cache).collection(address)
    opening = collection.storage.open

    def counting(name: str) -> Any:
        if name.endswith(".arrow"):
            with opened.get_lock():
                opened.value += 1
            time.sleep(0.01)  # the other process comes meanwhile
        return opening(name)

    collection.storage.open = counting  # type: ignore[method-assign]
    start.wait()
    collection.fetch("000001", FIRST)
    collection.close()


def test_two_processes_fetch_once(tmp_path: Path, shared: Path) -> None:
    context = multiprocessing.get_context("fork")
    opened, start = context.Value("i", 0), context.Event()
    both = [context.Process(target=fetched, args=(tmp_path / "cache", shared, opened, start)) for _ in range(2)]
    for one in both:
        one.start()
    start.set()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert opened.value == sum(len(shard.files) for shard in manifest_of(shared).shards[:2])


def test_eviction_keeps_what_is_open(tmp_path: Path, shared: Path) -> None:
    size = sum(file.bytes for shard in manifest_of(shared).shards[:2] for file in shard.files.values())
    for seed in (1, 2):
        seismic.build(random_vectors(400, seed=seed), shared, shards=4, replace=True, keep=9)
    limited = Cache(tmp_path / "cache", int(2.2 * size))
    first, second = limited.collection(shared), limited.collection(shared)
    first.fetch("000001", FIRST)
    second.fetch("000002", FIRST)
    with pytest.raises(FullDiskError, match=r"bytes in use, expected room for .* raise the size of the cache"):
        second.fetch("000003", FIRST)
    first.close()
    second.fetch("000003", FIRST)
    kept = sorted(path.name for path in (second.folder / "generations").iterdir())
    assert kept == ["000002", "000003"]
    used = {
        file.xxh3_128
        for name in kept
        for shard in manifest_of(shared, name).shards[:2]
        for file in shard.files.values()
    }
    assert set(cache_files(tmp_path / "cache")) >= used
    assert sum(path.stat().st_size for path in (tmp_path / "cache" / "files").iterdir()) <= 2.2 * size
    second.keep(FIRST, ["000003"])
    (second.folder / "generations" / "000002").rename(
        second.folder / "generations" / f"{TRASH}000002"
    )  # and was killed
    second.fetch("000001", FIRST)
    assert sorted(path.name for path in (second.folder / "generations").iterdir()) == ["000001", "000003"]
    second.close()


def test_leases_keep_generations_of_other_machines(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = Heartbeat(Storage(shared).leases)
    heartbeat.hold(FIRST, "000001")
    heartbeat.hold(SECOND, "000001")
    for _ in range(2):
        seismic.build(VECTORS, shared, replace=True, keep=1)
    assert sorted(os.listdir(shared / "generations")) == ["000001", "000003"]
    heartbeat.keep(FIRST, [])
    collect_garbage(shared, keep=1)
    assert [one.open for one in generations(shared)] == [True, False]
    (lease,) = (shared / "leases").iterdir()
    os.utime(lease, (time.time() - leases_of.EXPIRY - 5,) * 2)  # its node has lost the storage
    collect_garbage(shared, keep=1)
    assert not (shared / "generations/000001").exists()
    assert list((shared / "leases").iterdir()) == []
    heartbeat.close()


def test_a_heartbeat_renews(tmp_path: Path) -> None:
    leases = Leases(LocalFileSystem(), str(tmp_path))
    heartbeat = Heartbeat(leases, interval=0.01)
    heartbeat.hold(FIRST, "000001")
    (lease,) = (tmp_path / "leases").iterdir()
    os.utime(lease, (1, 1))
    until = time.monotonic() + 60
    while lease.stat().st_mtime == 1:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert leases.held("000001")
    assert not leases.held("000002")
    heartbeat.close()
    assert not leases.held("000001")
    assert list((tmp_path / "leases").iterdir()) == []


def test_storage_that_cannot_be_written_gives_no_lease(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "leases").write_text("in the way")
    source = SharedFolder(tmp_path)
    source.fetch("000001", FIRST)
    source.fetch("000002", FIRST)
    source.close()
    assert caplog.text.count("cannot take a lease on generation") == 1


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    (tmp_path / "secret").write_text("a secret of the cluster")
    with build(tmp_path / "books") as made:
        yield made


def test_nodes_with_a_cache_answer_as_an_index_and_follow_changes(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HEARTBEAT", 0.05)
    collection, started, parts = index.view.collection, list[Node](), list[PartNodes]()
    for part in (FIRST, SECOND):
        source = Cache(tmp_path / "cache").collection(collection)
        node = Node(collection, [part], b"a secret of the cluster", Address("127.0.0.1", 0), source=source)
        started.append(node)
        parts.append(PartNodes(part=str(part), nodes=[str(node.start())]))
    topology = Topology(secret_file=str(tmp_path / "secret"), collections={"books": parts})
    try:
        with open_cluster(collection, topology) as cluster:
            assert_same(index, cluster)
            seismic.delete(collection, [str(index.search({1: 1.0}, k=1)[0].id)])
            index.refresh()
            cluster.refresh()
            assert cluster.search({1: 1.0}, k=20) == index.search({1: 1.0}, k=20)
            seismic.compact(collection, keep=1)
            index.refresh()
            cluster.refresh()
            assert cluster.generation == index.generation == "000002"
            assert cluster.search({1: 1.0}, k=20) == index.search({1: 1.0}, k=20)
        assert len(list((collection / "leases").iterdir())) == 4  # two nodes, each with two generations open
        assert (collection / "generations/000001").exists()
    finally:
        for node in started:
            node.close()
    assert list((collection / "leases").iterdir()) == []


def test_push(tmp_path: Path, shared: Path) -> None:
    target = tmp_path / "target"
    told = list[tuple[str, int, int]]()
    assert push(shared, f"file://{target}", progress=lambda *one: told.append(one)) == "000001"
    assert told[-1] == ("push", manifest_of(shared).bytes, manifest_of(shared).bytes)
    with seismic.open(target, verify="full") as index:
        assert len(index) == len(VECTORS)
    assert push(shared, str(target)) == "000001"  # again
    other = tmp_path / "other"
    seismic.build(random_vectors(9), other)
    with pytest.raises(OutputExistsError, match="found another generation 000001 than that of"):
        push(other, str(target))
    for inside in (shared, shared / "generations"):
        with pytest.raises(OutputExistsError, match="is the collection itself, or within it"):
            push(shared, str(inside))
    with pytest.raises(ParameterError, match="found an empty address"):
        push(shared, "")
    leases = Storage(target).leases
    leases.write("000001", "node")
    for _ in range(2):
        seismic.build(VECTORS, shared, replace=True)
        push(shared, str(target), keep=1)
    assert sorted(os.listdir(target / "generations")) == ["000001", "000003"]
    leases.end("000001", "node")
    push(shared, str(target), keep=1)
    assert os.listdir(target / "generations") == ["000003"]
    seismic.delete(shared, [3])
    with pytest.raises(ConflictError, match="found 1 changes since generation 000003"):
        push(shared, str(target))


def test_addresses(tmp_path: Path) -> None:
    for address in ("ftp://somewhere/x", "s3://"):
        with pytest.raises(
            ParameterError, match=r"storage: cannot open .*; expected a folder, or an address such as s3:"
        ):
            Storage(address)
    with pytest.raises(StorageError, match="no index there"):
        Storage(tmp_path).current()
    (tmp_path / "CURRENT").write_text("../1")
    with pytest.raises(CorruptIndexError, match=r"found '\.\./1', expected a generation"):
        Storage(tmp_path).current()
    with pytest.raises(ParameterError, match="cache-size is 0"):
        Cache(tmp_path / "cache", 0)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
