"""The generations of a collection: what is there, going back to one, and letting old ones go."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seismic.errors import IndexNotFoundError, ParameterError, StorageError
from seismic.store.collection import GENERATIONS, current_generation, generation_folder, generation_names
from seismic.store.garbage import remove_leftovers, remove_old
from seismic.store.lock import try_alone, writing
from seismic.store.log import appending
from seismic.store.manifest import FILE_NAME, read_manifest
from seismic.store.publish import KEEP, point_to
from seismic.store.verify import verify


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


def rollback(path: str | Path, generation: str | None = None) -> str:
    """Serve another generation of the collection at `path`, the one before the current unless named; its id.

    It is verified in full first: one that is damaged raises StorageError, and the current stays. Needs no end of a
    build that is running, whose generation will be served once it is done.
    """
    collection = Path(path)
    name = generation_folder(collection, generation).name if generation else _one_before(collection)
    found = verify(collection, generation=name)
    if found.damages:
        raise StorageError(
            f"{collection}: generation {name} is damaged, so nothing is changed: {found.damages[0]}; see "
            f"`seismic verify --generation {name}`, and choose another"
        )
    with appending(collection):  # changes are checked against the generation served
        point_to(collection, name)
    return name


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


def _one_before(collection: Path) -> str:
    current = current_generation(collection)
    older = [name for name in generation_names(collection) if int(name) < int(current)]
    if not older:
        raise IndexNotFoundError(f"{collection}: found no generation older than {current}, the one served")
    return older[-1]


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
