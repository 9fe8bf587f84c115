"""The generations of a collection: what is there, and letting old ones go."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seismic.errors import IndexNotFoundError, ParameterError, StorageError
from seismic.store.collection import GENERATIONS, current_generation, generation_names
from seismic.store.garbage import remove_leftovers, remove_old
from seismic.store.lock import try_alone, writing
from seismic.store.manifest import FILE_NAME, read_manifest
from seismic.store.publish import KEEP


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One generation. ``bytes`` of its files; ``written``: ISO time; ``open``: by an index, in any process;
    ``problem``: why it cannot be opened, with counts of 0, or None."""

    generation: str
    current: bool
    documents: int
    bytes: int
    written: str
    open: bool
    problem: str | None


def generations(path: str | Path) -> list[GenerationInfo]:
    """The generations of the collection at `path`, oldest first. IndexNotFoundError if there are none."""
    collection = Path(path)
    names = generation_names(collection)
    try:
        current = current_generation(collection)
    except StorageError:
        if not names:
            raise
        current = ""  # `rollback` repairs a pointer that is damaged
    return [_describe(collection / GENERATIONS / name, name == current) for name in names]


def one_before(collection: Path) -> str:
    """The newest generation older than the one served; IndexNotFoundError if there is none."""
    current = current_generation(collection)
    older = [name for name in generation_names(collection) if int(name) < int(current)]
    if not older:
        raise IndexNotFoundError(f"{collection}: found no generation older than {current}, the one served")
    return older[-1]


def collect_garbage(path: str | Path, *, keep: int = KEEP) -> list[str]:
    """Remove all but the `keep` newest generations of the collection at `path`, and what killed writers left; names.

    Generations that an index has open stay, in whichever process. LockedError if a writer is at work.
    """
    if keep < 1:
        raise ParameterError(f"keep is {keep}, expected at least 1, the generation that is served")
    collection = Path(path)
    current_generation(collection)
    with writing(collection, "garbage collection"):
        return [*remove_leftovers(collection), *remove_old(collection, keep)]


def _describe(folder: Path, current: bool) -> GenerationInfo:
    documents = size = 0
    problem = None
    try:
        manifest = read_manifest(folder)
        documents, size = manifest.documents, manifest.bytes
        with try_alone(folder / FILE_NAME) as alone:
            is_open = not alone
    except (OSError, StorageError) as error:
        problem, is_open = str(error), False
    written = datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return GenerationInfo(folder.name, current, documents, size, written, is_open, problem)
