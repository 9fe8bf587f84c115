"""Going back to another generation: the changes since count for it, too."""

from pathlib import Path

from seismic.changes.records import decode
from seismic.changes.updates import read_rules
from seismic.errors import InputError, StorageError
from seismic.store.collection import GENERATIONS, generation_folder
from seismic.store.history import one_before
from seismic.store.log import appending, read_log, start_of
from seismic.store.manifest import read_manifest
from seismic.store.publish import point_to
from seismic.store.verify import verify


def rollback(path: str | Path, generation: str | None = None) -> str:
    """Serve another generation of the collection at `path`, the one before the current unless named; its id.

    It is verified in full first: one that is damaged, or cannot take the changes made since, raises StorageError, and
    the current stays. Needs no end of a build that is running, whose generation will be served once it is done.
    """
    collection = Path(path)
    name = generation_folder(collection, generation).name if generation else one_before(collection)
    found = verify(collection, generation=name)
    if found.damages:
        raise StorageError(
            f"{collection}: generation {name} is damaged, so nothing is changed: {found.damages[0]}; see "
            f"`seismic verify --generation {name}`, and choose another"
        )
    with appending(collection):  # changes are checked against the generation served
        _check_changes(collection, name)
        point_to(collection, name)
    return name


def _check_changes(collection: Path, name: str) -> None:
    """StorageError if the generation's dimension or columns are not those of a change that follows it."""
    folder = collection / GENERATIONS / name
    manifest = read_manifest(folder)
    records, place = read_log(collection, start_of(collection, manifest.sequence))
    while records:
        rules = read_rules(folder, manifest)
        for record in records:
            try:
                if record.sequence > manifest.sequence:
                    list(decode(record.body, rules))
            except InputError as error:
                raise StorageError(
                    f"{collection}: change {record.sequence} does not fit generation {name}, so nothing is changed: "
                    f"{error}; choose another, or build one"
                ) from None
        records, place = read_log(collection, place)
