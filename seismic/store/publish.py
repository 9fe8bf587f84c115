"""Publishing a generation: it appears whole or not at all.

<collection>/CURRENT names the generation served; generations/<id> is never changed once it is there. A build writes
into generations/.staging-*, makes it durable, renames it, and replaces CURRENT in one step.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seismic.errors import IndexNotFoundError, OutputExistsError, StorageError
from seismic.store.files import fsync
from seismic.store.lock import LOCK, writing
from seismic.store.manifest import read_manifest

CURRENT = "CURRENT"
GENERATIONS = "generations"
STAGING = ".staging-"


def current_generation(collection: Path) -> str:
    """The id of the generation served."""
    try:
        text = (collection / CURRENT).read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFoundError(f"{collection}: no index there (no {CURRENT} file); build one first") from None
    name = text.strip()
    if not name.isdecimal():
        raise StorageError(f"{collection / CURRENT}: found {text[:40]!r}, expected the number of a generation")
    return name


def is_collection(folder: Path) -> bool:
    """Whether a folder holds a published index."""
    return (folder / CURRENT).is_file()


def served_sequence(collection: Path) -> int:
    """The last change that is in the generation served; 0 if its manifest is damaged."""
    return _sequence(collection / GENERATIONS / current_generation(collection))


def least_sequence(collection: Path) -> int:
    """The last change that is in every generation: the log is needed from the next one on, to roll back."""
    generations = [folder for folder in (collection / GENERATIONS).iterdir() if folder.name.isdecimal()]
    return min(map(_sequence, generations))


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
    """Whether a folder is empty, but for what a build that was killed, or is at work, may have left."""
    return all(
        entry.name == LOCK
        or (entry.name == GENERATIONS and all(inner.name.startswith(STAGING) for inner in entry.iterdir()))
        for entry in folder.iterdir()
    )


@contextmanager
def staging(collection: Path, *, replace: bool) -> Iterator[tuple[Path, str]]:
    """A folder to write the next generation into, and its id. Published at the end of the block, gone if that fails.

    OutputExistsError as in `check_output`; LockedError if another writer is at work; StorageError if it cannot be
    written.
    """
    check_output(collection, replace=replace)
    generations = collection / GENERATIONS
    missing = [path for path in (generations, *generations.parents) if not path.exists()]
    try:
        generations.mkdir(parents=True, exist_ok=True)
        with writing(collection, "build"):
            check_output(collection, replace=replace)  # again: a writer may have published just before
            name = _next_generation(generations)
            with _temporary(generations) as folder:
                yield folder, name
                _publish(collection, folder, name)
    except BaseException as error:
        for path in missing:  # take back the folders this build made, innermost first
            with suppress(OSError):  # another writer has come
                path.rmdir()
        if isinstance(error, OSError):
            raise StorageError(f"cannot write {collection}: {error}") from error
        raise


@contextmanager
def _temporary(generations: Path) -> Iterator[Path]:
    """A folder that goes if the block fails."""
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=generations))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _next_generation(generations: Path) -> str:
    taken = [int(entry.name) for entry in generations.iterdir() if entry.name.isdecimal()]
    return f"{max(taken, default=0) + 1:06d}"


def _publish(collection: Path, folder: Path, name: str) -> None:
    folder.chmod(0o755)  # mkdtemp's folders are private
    for inner in [*folder.rglob("*"), folder]:
        fsync(inner)
    target = collection / GENERATIONS / name
    folder.rename(target)
    fsync(target.parent)
    pointer = collection / f".{CURRENT}-{name}"
    pointer.write_text(f"{name}\n")
    fsync(pointer)
    os.replace(pointer, collection / CURRENT)
    fsync(collection)
