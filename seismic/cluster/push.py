"""Push a generation into shared storage, from which nodes fetch it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xxhash

from seismic.cluster.cache import CHUNK
from seismic.cluster.storage import Storage
from seismic.conversion.numbers import as_count
from seismic.errors import ConflictError, CorruptIndexError, OutputExistsError, StorageError
from seismic.store.collection import CURRENT, GENERATIONS
from seismic.store.failures import file_errors
from seismic.store.manifest import FILE_NAME, FileEntry
from seismic.store.publish import KEEP
from seismic.view.view import open_view

Tell = Callable[[str, int, int], None]
"""tell(stage, done, total) in bytes."""


def push(collection: Path, address: str, *, keep: int = KEEP, progress: Tell | None = None) -> str:
    """Copy the current generation of a collection into the storage at `address`, make it the current one there, and
    return its id.

    Files are checked against their hashes on the way. The manifest follows them and CURRENT comes last, so nobody sees
    half a generation. The `keep` newest generations stay there, and older ones on which nodes hold leases.

    Raises ConflictError if the collection has changes since the generation, which object storage cannot take,
    OutputExistsError if another collection has a generation of this number there, and other kinds of StorageError.
    """
    keep, storage = as_count("keep", keep), Storage(address)
    if storage.folder is not None and storage.folder.resolve().is_relative_to(collection.resolve()):
        raise OutputExistsError(f"{storage.address} is the collection itself, or within it; choose another place")
    view = open_view(collection)  # keeps the generation
    manifest = view.manifest
    if pending := view.log_end.sequence - manifest.sequence:
        raise ConflictError(
            f"{collection}: found {pending:,} changes since generation {manifest.generation}, expected none: only "
            "generations are pushed; compact it first (seismic compact)"
        )
    inner = f"{GENERATIONS}/{manifest.generation}"
    folder = collection / inner
    before, content = storage.manifest(manifest.generation), (folder / FILE_NAME).read_bytes()
    if before is not None and before != content:
        raise OutputExistsError(
            f"{storage.address}: found another generation {manifest.generation} than that of {collection}; choose "
            "another place"
        )
    if before is None:
        done = 0
        for name, entry in manifest.files.items():
            _copy(folder / name, entry, storage, f"{inner}/{name}")
            done += entry.bytes
            if progress:
                progress("push", done, manifest.bytes)
        _write(storage, f"{inner}/{FILE_NAME}", content)
    _write(storage, CURRENT, f"{manifest.generation}\n".encode())
    _clean(storage, keep, manifest.generation)
    return manifest.generation


def _copy(path: Path, entry: FileEntry, storage: Storage, name: str) -> None:
    digest = xxhash.xxh3_128()
    with file_errors(f"copy {path} to", storage.address), path.open("rb") as source, storage.create(name) as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
    if digest.hexdigest() != entry.xxh3_128:
        raise CorruptIndexError(f"{path} does not match its hash; see `seismic verify`")


def _write(storage: Storage, name: str, content: bytes) -> None:
    with file_errors("write", f"{storage.address}/{name}"):
        file: Any
        with storage.create(name) as file:
            file.write(content)


def _clean(storage: Storage, keep: int, current: str) -> None:
    """Remove generations except the `keep` newest and those that nodes read."""
    others = [name for name in storage.generations() if name != current]
    for name in others[: max(0, len(others) - keep + 1)]:
        try:
            if not storage.leases.held(name):
                storage.remove(name)
        except OSError as error:
            raise StorageError(f"{storage.address}: cannot remove generation {name}: {error}") from error
