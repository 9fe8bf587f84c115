"""Open a generation: map and check its manifest and shards, and hold a lease that keeps its files."""

import time
from dataclasses import dataclass
from pathlib import Path

from seismic.errors import CorruptIndexError, StorageError
from seismic.params import Verify
from seismic.store.checksums import check_files
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.failures import read_error
from seismic.store.files import map_batch
from seismic.store.invariants import check_text
from seismic.store.lock import Lease
from seismic.store.manifest import FILE_NAME, VOCABULARY, Manifest, read_manifest
from seismic.store.schema import vocabulary_schema
from seismic.store.shard import Shard, open_shard
from seismic.vocabulary import Vocabulary

ATTEMPTS = 10

EVERY_SHARD = slice(None)


@dataclass(frozen=True, slots=True)
class Generation:
    """An open generation. `lease` keeps its files on disk until it is closed."""

    folder: Path
    manifest: Manifest
    shards: list[Shard]
    vocabulary: Vocabulary | None
    lease: Lease


def open_generation(
    collection: Path, verify: Verify = "none", name: str | None = None, shards: slice = EVERY_SHARD
) -> Generation:
    """Open a generation, by default the current one, and check its files against their hashes as `verify` says.

    `shards`: which to open; files of the others may be missing. Raises IndexNotFoundError, FormatError or
    CorruptIndexError.
    """
    folder, lease = hold_current(collection) if name is None else _hold(collection / GENERATIONS / name)
    try:
        manifest = read_manifest(folder)
        if manifest.generation != folder.name:
            raise CorruptIndexError(f"{folder}: its manifest says generation {manifest.generation}")
        entries = manifest.shards[shards]
        for damage in check_files(folder, manifest.model_copy(update={"shards": entries}), verify):
            raise CorruptIndexError(f"{folder}/{damage}; `seismic verify` lists all damage; restore it or build again")
        check_has_shards(folder, manifest)
        opened = [open_shard(folder, entry, manifest.layout, manifest.dimension) for entry in entries]
        return Generation(folder, manifest, opened, open_vocabulary(folder, manifest), lease)
    except BaseException:
        lease.close()
        raise


def check_has_shards(folder: Path, manifest: Manifest) -> None:
    """Raise CorruptIndexError unless the generation in a folder has a shard; one without documents has an empty one."""
    if not manifest.shards:
        raise CorruptIndexError(f"{folder / FILE_NAME}: found no shards, expected at least one; restore the generation")


def hold_current(collection: Path) -> tuple[Path, Lease]:
    """Return the folder of the current generation and a lease on it. Retries if a writer replaces it meanwhile."""
    for attempt in range(ATTEMPTS):
        folder = collection / GENERATIONS / current_generation(collection)
        try:
            return _hold(folder)
        except StorageError as error:
            problem = error
        time.sleep(0.001 * attempt)
    raise problem


def _hold(folder: Path) -> tuple[Path, Lease]:
    try:
        return folder, Lease(folder / FILE_NAME)
    except OSError as error:
        remedy = "publish the index again, restore it or roll back"
        raise read_error(folder / FILE_NAME, error, remedy, "cannot be opened") from None


def open_vocabulary(folder: Path, manifest: Manifest) -> Vocabulary | None:
    """Return the tokens of the components, or None if the generation has no vocabulary."""
    if manifest.vocabulary is None:
        return None
    batch = map_batch(folder / VOCABULARY, manifest.vocabulary, vocabulary_schema())
    if batch.num_rows != manifest.dimension:
        raise CorruptIndexError(f"{folder / VOCABULARY}: found {batch.num_rows} rows, expected {manifest.dimension}")
    check_text(batch.column("token"), f"{folder / VOCABULARY}: token")
    return Vocabulary(batch.column("token"))
