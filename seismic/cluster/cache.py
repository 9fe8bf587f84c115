"""A cache of a machine: files of collections in shared storage by their hashes, and generations of hard links to them.

<cache>/files/<xxh3-128>                       every file once, whatever generations and collections have it
<cache>/collections/<name>/generations/000001  links to them, and the manifest
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import xxhash

from seismic.cluster.sources import Heartbeat, log, shards_of
from seismic.cluster.spec import PartSpec
from seismic.cluster.storage import Storage
from seismic.conversion.numbers import as_count
from seismic.errors import CorruptIndexError, FullDiskError, LockedError, StorageError
from seismic.store.collection import CURRENT, GENERATIONS
from seismic.store.failures import file_errors
from seismic.store.files import fsync, hash_file
from seismic.store.garbage import TRASH
from seismic.store.lock import Lease, exclusive, try_exclusive
from seismic.store.log import LOG
from seismic.store.manifest import FILE_NAME, VOCABULARY, FileEntry, read_manifest
from seismic.store.watermark import WATERMARK
from seismic.threads import in_order

FILES, COLLECTIONS = "files", "collections"
PART, LOCK = ".part", ".lock"
PATIENCE = 3600.0
"""Seconds to wait for another process that fetches the same file."""

CHUNK = 1 << 22
FETCHES = 4
"""Files of a generation fetched at the same time."""


class Cache:
    """Files by hash in a folder, of at most `limit` bytes. Safe to use from many processes of a machine."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder, self.limit = folder.absolute(), None if limit is None else as_count("cache-size", limit)
        with file_errors("create", folder):
            for name in (FILES, COLLECTIONS):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    def collection(self, address: str | Path) -> "CachedCollection":
        """Return a collection in shared storage whose files come from this cache."""
        return CachedCollection(self, Storage(address))

    def link(self, entry: FileEntry, target: Path, read: Callable[[], BinaryIO]) -> None:
        """Make `target` a link to the file of an entry, which is fetched unless it is here and intact.

        One process fetches it, others wait. Raises CorruptIndexError if the source is damaged, and StorageError.
        """
        path = self._file(entry.xxh3_128)
        with exclusive(path.with_suffix(LOCK), "a fetch", timeout=PATIENCE):
            if path.exists() and not _intact(path, entry):
                log.warning("%s does not match its hash; it is fetched again", path)
                path.unlink()
            if not path.exists():
                _fetch(path, entry, read)
            if not (target.exists() and target.samefile(path)):
                temporary = target.with_suffix(PART)
                temporary.unlink(missing_ok=True)
                os.link(path, temporary)
                os.replace(temporary, target)

    def make_room(self, entries: Collection[FileEntry]) -> None:
        """Remove files until `entries` fit: those that no generation links, then generations that nobody has open.

        The oldest go first. Raises FullDiskError if what is in use leaves too little room.
        """
        if self.limit is None:
            return
        with exclusive(self.folder / LOCK, "an eviction", timeout=PATIENCE):
            wanted = {entry.xxh3_128: entry.bytes for entry in entries}
            needed = sum(size for hash, size in wanted.items() if not self._file(hash).exists())
            closed = self._closed_generations()
            while (found := self._size()) + needed > self.limit:
                if not self._evict(set(wanted)) and next(closed, None) is None:
                    raise FullDiskError(
                        f"{self.folder}: found {found:,} bytes in use, expected room for {needed:,} more within "
                        f"{self.limit:,}; raise the size of the cache (--cache-size)"
                    )

    def _size(self) -> int:
        return sum(path.stat().st_size for path in _files(self.folder / FILES))

    def _evict(self, wanted: set[str]) -> bool:
        """Remove the oldest file that no generation links and that is not `wanted`. Return whether there was one."""
        for path in sorted(_files(self.folder / FILES), key=lambda path: path.stat().st_mtime):
            if path.name in wanted or path.stat().st_nlink > 1:
                continue
            with suppress(LockedError), exclusive(path.with_suffix(LOCK), "an eviction"):
                path.unlink()
                return True
        return False

    def _closed_generations(self) -> Iterator[Path]:
        """Remove generations that nobody has open one by one, the oldest first."""
        generations = self.folder / COLLECTIONS, f"*/{GENERATIONS}/"
        for left in generations[0].glob(f"{generations[1]}{TRASH}*"):  # a process ended while it removed this
            shutil.rmtree(left, ignore_errors=True)
            yield left
        manifests = generations[0].glob(f"{generations[1]}[0-9]*/{FILE_NAME}")
        for manifest in sorted(manifests, key=lambda path: path.stat().st_mtime):
            with suppress(FileNotFoundError), try_exclusive(manifest) as free:
                if free:
                    trash = manifest.parent.with_name(TRASH + manifest.parent.name)
                    manifest.parent.rename(trash)
                    shutil.rmtree(trash, ignore_errors=True)
                    yield trash

    def _file(self, hash: str) -> Path:
        return self.folder / FILES / hash


class CachedCollection:
    """A collection in shared storage whose files a node opens from a cache of its machine: a `Source`.

    Its log stays where it is if that is a folder; object storage has none.
    """

    def __init__(self, cache: Cache, storage: Storage) -> None:
        self._cache, self.storage = cache, storage
        self.folder = cache.folder / COLLECTIONS / storage.key
        self._heartbeat = Heartbeat(storage.leases)
        self._leases: dict[tuple[PartSpec, str], Lease] = {}
        with file_errors("create", self.folder):
            (self.folder / GENERATIONS).mkdir(parents=True, exist_ok=True)
            if storage.folder is not None:
                for name in (CURRENT, LOG, WATERMARK):
                    with suppress(FileExistsError):
                        (self.folder / name).symlink_to(storage.folder / name)

    def current(self) -> str:
        """Return the id of the served generation. Raises StorageError."""
        return self.storage.current()

    def fetch(self, generation: str, spec: PartSpec) -> None:
        """Make the files of a part of a generation available, beside those of others, and check their hashes.

        Raises StorageError.
        """
        self._heartbeat.hold(spec, generation)
        folder = self.folder / GENERATIONS / generation
        self._leases[spec, generation] = self._lease(folder, generation)
        manifest = read_manifest(folder)
        shards = manifest.shards[shards_of(spec, manifest)]
        files = {f"{shard.folder}/{name}": entry for shard in shards for name, entry in shard.files.items()}
        if manifest.vocabulary is not None:
            files[VOCABULARY] = manifest.vocabulary
        self._cache.make_room(list(files.values()))
        with file_errors("write to", folder):
            for shard in shards:
                (folder / shard.folder).mkdir(exist_ok=True)

            def link(name: str) -> None:
                inner = f"{GENERATIONS}/{generation}/{name}"
                self._cache.link(files[name], folder / name, lambda: self.storage.open(inner))

            for _ in in_order(link, list(files), FETCHES):
                pass

    def keep(self, spec: PartSpec, generations: Collection[str]) -> None:
        """Let go of the generations of a part, except those given. Their files stay until the room is needed."""
        for one in [one for one in self._leases if one[0] == spec and one[1] not in generations]:
            self._leases.pop(one).close()
        self._heartbeat.keep(spec, generations)

    def close(self) -> None:
        """Let go of everything."""
        for lease in self._leases.values():
            lease.close()
        self._leases.clear()
        self._heartbeat.close()

    def _lease(self, folder: Path, generation: str) -> Lease:
        """Copy the manifest unless it is here, and return a lease, which keeps the generation from eviction."""
        path = folder / FILE_NAME
        content = self.storage.manifest(generation)
        if content is None:
            raise StorageError(f"{self.storage.address}: found no generation {generation}; push or build it again")
        with file_errors("write to", folder):
            while True:
                with suppress(FileNotFoundError):  # it has just been evicted
                    if path.read_bytes() == content:
                        return Lease(path)
                folder.mkdir(exist_ok=True)
                temporary = path.with_suffix(PART)
                with suppress(FileNotFoundError):
                    temporary.write_bytes(content)
                    os.replace(temporary, path)


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    """Yield where to write a file that becomes `path` at the end of the block; a failure leaves nothing."""
    part = path.with_suffix(PART)
    try:
        yield part
        fsync(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _fetch(path: Path, entry: FileEntry, read: Callable[[], BinaryIO]) -> None:
    digest, size = xxhash.xxh3_128(), 0
    try:
        source = read()
    except FileNotFoundError as error:
        raise CorruptIndexError(
            f"{error}, although the manifest lists it; push or build the generation again"
        ) from None
    with source, _part(path) as part, part.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
            size += len(chunk)
        file.flush()
        if (size, digest.hexdigest()) != (entry.bytes, entry.xxh3_128):
            raise CorruptIndexError(
                f"{path.name}: found {size:,} bytes of hash {digest.hexdigest()} in shared storage, expected "
                f"{entry.bytes:,} of {entry.xxh3_128}; restore the generation"
            )


def _intact(path: Path, entry: FileEntry) -> bool:
    return path.stat().st_size == entry.bytes and hash_file(path) == entry.xxh3_128


def _files(folder: Path) -> list[Path]:
    """Return the files of the cache, without locks."""
    return [path for path in folder.iterdir() if path.suffix != LOCK]
