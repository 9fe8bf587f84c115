"""The generations of a collection: list them, and remove old ones."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seismic.conversion.numbers import as_path
from seismic.errors import IndexNotFoundError, ParameterError, StorageError
from seismic.store.collection import GENERATIONS, current_generation, generation_names, is_collection
from seismic.store.failures import file_errors
from seismic.store.garbage import RESUMABLE, is_leased, remove_leftovers, remove_old
from seismic.store.lock import try_exclusive, writing
from seismic.store.manifest import FILE_NAME, read_manifest
from seismic.store.publish import KEEP, tidy_log


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One generation. ``bytes`` counts its files; ``written`` is an ISO time; ``open``: some process has it open;
    ``problem`` says why it cannot be opened (counts are 0 then), or is None."""

    generation: str
    current: bool
    documents: int
    bytes: int
    written: str
    open: bool
    problem: str | None


def generations(path: str | Path) -> list[GenerationInfo]:
    """Return the generations of the collection at `path`, oldest first. Raises IndexNotFoundError if there are none."""
    collection = as_path(path)
    names = generation_names(collection)
    try:
        current = current_generation(collection)
    except StorageError:
        if not names:
            raise
        current = ""  # `rollback` repairs a damaged pointer
    return [_describe(collection / GENERATIONS / name, name == current) for name in names]


def previous_generation(collection: Path) -> str:
    """Return the newest generation older than the served one. Raises IndexNotFoundError if there is none."""
    current = current_generation(collection)
    older = [name for name in generation_names(collection) if int(name) < int(current)]
    if not older:
        raise IndexNotFoundError(f"{collection}: found no generation older than {current}, which is served")
    return older[-1]


def collect_garbage(path: str | Path, *, keep: int = KEEP) -> list[str]:
    """Remove the remains of killed writers and all generations except the `keep` newest; return the removed names.

    Also removes the part of the log that only those needed. A generation that an index in any process has open stays.
    Raises LockedError if a writer is active.
    """
    if keep < 1:
        raise ParameterError(f"keep is {keep}, expected at least 1, the served generation")
    collection = as_path(path)
    current_generation(collection)
    with writing(collection, "garbage collection"), file_errors("write", collection):
        removed = [*remove_leftovers(collection), *remove_old(collection, keep)]
    tidy_log(collection)
    return removed


def remove_remains(path: str | Path) -> None:
    """Remove the remains of a killed writer, and the folder if nothing was published in it.

    Leaves them to the next writer if one is active, or if they cannot be removed.
    """
    collection = as_path(path)
    with suppress(OSError, StorageError):
        with writing(collection, "garbage collection"):
            remove_leftovers(collection, spare=RESUMABLE)
        if not is_collection(collection):
            (collection / GENERATIONS).rmdir()
            collection.rmdir()


def _describe(folder: Path, current: bool) -> GenerationInfo:
    documents = size = 0
    problem = None
    try:
        manifest = read_manifest(folder)
        documents, size = manifest.documents, manifest.bytes
        with try_exclusive(folder / FILE_NAME) as exclusive:
            is_open = not exclusive or is_leased(folder)
    except (OSError, StorageError) as error:
        problem, is_open = str(error), False
    with file_errors("read", folder):
        written = datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return GenerationInfo(folder.name, current, documents, size, written, is_open, problem)
