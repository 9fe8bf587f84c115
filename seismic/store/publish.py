"""Publishing a generation: it appears whole or not at all.

A writer fills generations/.staging-*, makes it durable, reads it back, renames it, and replaces CURRENT in one step.
What a killed writer leaves is never served, and removed by the next.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from seismic.errors import CorruptIndexError, IndexNotFoundError, OutputExistsError, ParameterError, StorageError
from seismic.store.collection import CURRENT, GENERATIONS, current_generation, generation_names, is_collection
from seismic.store.files import fsync
from seismic.store.garbage import RESUMABLE, STAGING, TRASH, remove_leftovers, remove_old
from seismic.store.lock import LOCK, exclusive, writing
from seismic.store.log import appending, last_sequence, prune_log
from seismic.store.manifest import check_writable, read_manifest
from seismic.store.verify import find_damage

FIRST = "000001"
POINTER, POINTER_LOCK = f".{CURRENT}-next", f".{CURRENT}-lock"

KEEP = 2
"""Generations that stay by default: the one served, and the one before it to roll back to."""


def void_changes(collection: Path, until: ExitStack) -> int:
    """The last change so far. All were made to other documents than those that are about to be published, so they are
    void, and none may come between: nothing is appended until the end of `until`."""
    if not is_collection(collection):
        return 0
    until.enter_context(appending(collection))
    return max(last_sequence(collection), _sequence(collection / GENERATIONS / current_generation(collection)))


def least_sequence(collection: Path) -> int:
    """The last change that is in every generation: the log is needed from the next one on, to roll back."""
    generations = [folder for folder in (collection / GENERATIONS).iterdir() if folder.name.isdecimal()]
    return min(map(_sequence, generations))


def tidy_log(collection: Path) -> None:
    """Remove what no generation needs of the log, after a publish; if that fails, the next one will."""
    with suppress(OSError, StorageError):
        prune_log(collection, least_sequence(collection))


def _sequence(generation: Path) -> int:
    try:
        return read_manifest(generation).sequence
    except StorageError:
        return 0


def check_output(collection: Path, *, replace: bool) -> None:
    """OutputExistsError if a build may not go there: something is there, and `replace` is False or it is no index."""
    if not collection.exists() or (collection.is_dir() and _is_unused(collection)):
        return
    if not replace:
        raise OutputExistsError(
            f"{collection} exists; choose another folder, or publish a new generation into it by replace (--replace)"
        )
    if not is_collection(collection):
        raise OutputExistsError(f"{collection} holds no index, so it is not replaced; choose another folder")


def _is_unused(folder: Path) -> bool:
    """Whether a folder is empty, but for what a first build that was killed, or is at work, may have left."""
    left = {LOCK, POINTER, POINTER_LOCK}
    return all(
        entry.name in left or (entry.name == GENERATIONS and all(_is_left(inner.name) for inner in entry.iterdir()))
        for entry in folder.iterdir()
    )


def _is_left(name: str) -> bool:
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
    """A folder to write the next generation into, and its id. Published at the end of the block, gone if that fails.

    Afterwards the `keep` newest generations are left. `migrating`: the one served may be of another format. `resume`:
    the folder stays if the block fails, and may have in it what another such block, or its end, has left.
    OutputExistsError as in `check_output`; LockedError if another writer is at work; FormatError if the collection is
    one for newer releases; StorageError if it cannot be written, or does not read back as written.
    """
    if keep < 1:
        raise ParameterError(f"keep is {keep}, expected at least 1, the generation that is served")
    check_output(collection, replace=replace)
    generations = collection / GENERATIONS
    missing = [path for path in (generations, *generations.parents) if not path.exists()]
    try:
        generations.mkdir(parents=True, exist_ok=True)
        for path in missing:
            fsync(path.parent)
        with writing(collection, what):
            check_output(collection, replace=replace)  # again: a writer may have published just before
            before = _served(collection, migrating)
            remove_leftovers(collection, but=RESUMABLE if resume else "")
            name = f"{max(map(int, generation_names(collection)), default=0) + 1:06d}"
            with nullcontext(_resumable(generations)) if resume else _temporary(generations) as folder:
                yield folder, name
                _publish(collection, folder, name)
            remove_old(collection, keep, before)
    except BaseException as error:
        for path in missing:  # take back the folders this build made, innermost first
            with suppress(OSError):  # another writer has come
                path.rmdir()
        if isinstance(error, OSError):
            raise StorageError(f"cannot write {collection}: {error}") from error
        raise


def _served(collection: Path, migrating: bool) -> str | None:
    """The generation served, None if it is damaged; FormatError if this release may not publish after it."""
    try:
        name = current_generation(collection)
        if not migrating:
            check_writable(read_manifest(collection / GENERATIONS / name), collection)
    except (CorruptIndexError, IndexNotFoundError):
        return None
    return name


@contextmanager
def _temporary(generations: Path) -> Iterator[Path]:
    """A folder that goes if the block fails."""
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=generations))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _resumable(generations: Path) -> Path:
    """A folder that stays whatever happens."""
    folder = generations / RESUMABLE
    folder.mkdir(exist_ok=True)
    return folder


def _publish(collection: Path, folder: Path, name: str) -> None:
    folder.chmod(0o755)  # mkdtemp's folders are private
    for inner in [*folder.rglob("*"), folder]:
        fsync(inner)
    for damage in find_damage(folder, read_manifest(folder), "full"):
        raise StorageError(f"{folder}: {damage}, just after it was written; the disk may be failing; nothing published")
    target = folder.rename(collection / GENERATIONS / name)
    try:
        fsync(target.parent)
        point_to(collection, name)
    except BaseException:
        if not _is_current(collection, name):
            shutil.rmtree(target, ignore_errors=True)
        raise


def point_to(collection: Path, name: str) -> None:
    """Make `name` the generation served, in one step."""
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
            raise StorageError(f"cannot write {collection / CURRENT}: {error}") from error


def _is_current(collection: Path, name: str) -> bool:
    with suppress(StorageError):
        return current_generation(collection) == name
    return False
