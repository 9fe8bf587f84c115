"""Publish a generation atomically.

A writer fills generations/.staging-*, syncs it, re-reads it against its hashes, renames it, and replaces CURRENT
atomically. The remains of a killed writer are never served; the next writer removes them.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from seismic.errors import CorruptIndexError, IndexNotFoundError, OutputExistsError, ParameterError, StorageError
from seismic.store.collection import (
    CURRENT,
    GENERATIONS,
    current_generation,
    generation_names,
    is_collection,
    is_foreign,
)
from seismic.store.failures import file_errors, storage_error
from seismic.store.files import fsync
from seismic.store.garbage import RESUMABLE, RESUMED, STAGING, TRASH, remove_leftovers, remove_old
from seismic.store.lock import LOCK, exclusive, writing
from seismic.store.log import appending, last_sequence, prune_log
from seismic.store.manifest import check_writable, read_manifest
from seismic.store.verify import find_damage
from seismic.store.watermark import read_watermark

FIRST = "000001"
POINTER, POINTER_LOCK = f".{CURRENT}-next", f".{CURRENT}-lock"

COMPARED = 1 << 14
"""Positions of each shard in which its files are compared with each other before it is published. All bytes are checked
by their hashes, and come from arrays that this process made of the same vectors."""

KEEP = 2
"""Generations kept by default: the served one, and the previous one to roll back to."""


def void_changes(collection: Path, held: ExitStack) -> int:
    """Return the sequence of the last change, up to which changes are void for the generation about to be published.

    Those changes were made to other documents. Holds the append lock in `held`, so that no change comes in between.
    """
    if not is_collection(collection):
        return 0
    held.enter_context(appending(collection))
    contained = _sequence(collection / GENERATIONS / current_generation(collection))
    return max(last_sequence(collection), contained, read_watermark(collection))


def least_sequence(collection: Path) -> int:
    """Return the last change that every generation contains. A rollback needs the log from the next one on."""
    generations = [folder for folder in (collection / GENERATIONS).iterdir() if folder.name.isdecimal()]
    return min(map(_sequence, generations))


def tidy_log(collection: Path) -> None:
    """Remove the part of the log that no generation needs. A failure is left to the next publish."""
    with suppress(OSError, StorageError):
        prune_log(collection, least_sequence(collection))


def _sequence(generation: Path) -> int:
    try:
        return read_manifest(generation).sequence
    except StorageError:
        return 0


def mark_resumed(collection: Path, generation: str, fingerprint: str) -> None:
    """Note which build the generation about to be published is of, for a process that is killed just after that."""
    path = collection / GENERATIONS / RESUMED
    path.write_text(json.dumps({"generation": generation, "fingerprint": fingerprint}))
    fsync(path)


def forget_resumed(collection: Path) -> None:
    """Remove the note of `mark_resumed`, if any, at the end of a build."""
    with suppress(OSError):  # the next writer will
        (collection / GENERATIONS / RESUMED).unlink()


def resumed_build(collection: Path) -> str | None:
    """Return the fingerprint of the resumable build that made the served generation; None if another writer did."""
    try:
        mark = json.loads((collection / GENERATIONS / RESUMED).read_bytes())
        return str(mark["fingerprint"]) if mark["generation"] == current_generation(collection) else None
    except (OSError, ValueError, KeyError, TypeError, StorageError):
        return None


def check_output(collection: Path, *, replace: bool, resume: bool = False) -> None:
    """Raise OutputExistsError if the folder is in use and `replace` is False, or if it is not a collection.

    `resume`: allow a folder that a resumable build has published, which may be this one.
    """
    if resume and resumed_build(collection):
        return
    with file_errors("read", collection):
        if not collection.exists() or (collection.is_dir() and _is_unused(collection)):
            return
    if not replace:
        raise OutputExistsError(
            f"{collection} exists; choose another folder, or publish a new generation into it with replace (--replace)"
        )
    if not is_collection(collection):
        raise OutputExistsError(f"{collection} is not a collection, so it is not replaced; choose another folder")


def _is_unused(folder: Path) -> bool:
    """Return whether a folder is empty, except for files of a first build that runs or was killed, and foreign ones."""
    temporary = {LOCK, POINTER, POINTER_LOCK}
    return all(
        entry.name in temporary
        or is_foreign(entry.name)
        or (entry.name == GENERATIONS and all(_is_leftover(inner.name) for inner in entry.iterdir()))
        for entry in folder.iterdir()
    )


def _is_leftover(name: str) -> bool:
    return name.startswith((STAGING, TRASH)) or name == FIRST


@contextmanager
def staging(
    collection: Path,
    *,
    replace: bool,
    keep: int = KEEP,
    what: str = "build",
    migrating: bool = False,
    resume: bool = False,
) -> Iterator[tuple[Path, str]]:
    """Yield a folder for the next generation, and its id. Publishes it at the end of the block; a failure removes it.

    Keeps the `keep` newest generations. `migrating`: the served generation may have another format. `resume`: the
    folder survives a failure of the block and may contain the work of an earlier one. Raises OutputExistsError as
    `check_output` does, LockedError if another writer is active, FormatError if the collection needs a newer release,
    and StorageError if the generation cannot be written or does not read back as written.
    """
    if keep < 1:
        raise ParameterError(f"keep is {keep}, expected at least 1, the served generation")
    check_output(collection, replace=replace)
    generations = collection / GENERATIONS
    missing = [path for path in (generations, *generations.parents) if not path.exists()]
    try:
        generations.mkdir(parents=True, exist_ok=True)
        for path in missing:
            fsync(path.parent)
        with writing(collection, what):
            check_output(collection, replace=replace)  # again: a writer may have published meanwhile
            before = _served(collection, migrating)
            remove_leftovers(collection, spare=RESUMABLE if resume else "")
            name = f"{max(map(int, generation_names(collection)), default=0) + 1:06d}"
            with nullcontext(_resumable(generations)) if resume else _temporary(generations) as folder:
                yield folder, name
                _publish(collection, folder, name)
            remove_old(collection, keep, before)
    except BaseException as error:
        for path in missing:  # remove the folders this build created, innermost first
            with suppress(OSError):  # another writer uses it
                path.rmdir()
        if isinstance(error, OSError):
            raise storage_error("write", collection, error) from error
        raise


def _served(collection: Path, migrating: bool) -> str | None:
    """Return the served generation, or None if it is damaged. Raises FormatError if this release may not write."""
    try:
        name = current_generation(collection)
        if not migrating:
            check_writable(read_manifest(collection / GENERATIONS / name), collection)
    except (CorruptIndexError, IndexNotFoundError):
        return None
    return name


@contextmanager
def _temporary(generations: Path) -> Iterator[Path]:
    """Yield a folder that is removed if the block fails."""
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=generations))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _resumable(generations: Path) -> Path:
    """Create the folder that survives a failure."""
    folder = generations / RESUMABLE
    folder.mkdir(exist_ok=True)
    return folder


def _publish(collection: Path, folder: Path, name: str) -> None:
    folder.chmod(0o755)  # mkdtemp's folders are private
    for inner in [*folder.rglob("*"), folder]:
        fsync(inner)
    for damage in find_damage(folder, read_manifest(folder), "full", COMPARED):
        raise StorageError(
            f"{folder}: {damage}, right after it was written; the disk may be failing; nothing was published"
        )
    target = folder.rename(collection / GENERATIONS / name)
    try:
        fsync(target.parent)
        point_to(collection, name)
    except BaseException:
        if not _is_current(collection, name):
            shutil.rmtree(target, ignore_errors=True)
        raise


def point_to(collection: Path, name: str) -> None:
    """Make `name` the served generation, atomically."""
    with exclusive(collection / POINTER_LOCK, "a change of the generation served", timeout=10):
        pointer = collection / POINTER
        try:
            pointer.write_text(f"{name}\n")
            fsync(pointer)
            os.replace(pointer, collection / CURRENT)
            fsync(collection)
        except OSError as error:
            with suppress(OSError):
                pointer.unlink()
            raise storage_error("write", collection / CURRENT, error) from error


def _is_current(collection: Path, name: str) -> bool:
    with suppress(StorageError):
        return current_generation(collection) == name
    return False
