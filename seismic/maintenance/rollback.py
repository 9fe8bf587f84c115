"""Roll back to another generation, to which later changes still apply."""

from pathlib import Path

from seismic.changes.records import decode
from seismic.changes.updates import read_rules
from seismic.conversion.numbers import as_path
from seismic.errors import InputError, StorageError
from seismic.store.collection import GENERATIONS, generation_folder
from seismic.store.failures import file_errors
from seismic.store.history import previous_generation
from seismic.store.log import appending, position_after, read_log
from seismic.store.manifest import read_manifest
from seismic.store.profiles import PROFILES
from seismic.store.publish import point_to
from seismic.store.verify import verify_files


def rollback(path: str | Path, generation: str | None = None) -> str:
    """Serve another generation of the collection at `path`, by default the previous one, and return its id.

    Verifies it in full first. If it is damaged, or later changes do not fit it, raises StorageError and keeps the
    current generation. A running build does not block a rollback; its generation is served when it ends.
    """
    collection = as_path(path)
    name = previous_generation(collection) if generation is None else generation_folder(collection, generation).name
    with file_errors("read", collection):
        found = verify_files(collection, name, "full")
    damages = [one for one in found.damages if not one.file.startswith(PROFILES)]
    if damages:  # damaged profiles only make searches exact
        raise StorageError(
            f"{collection}: generation {name} is damaged, so nothing was changed: {damages[0]}; see "
            f"`seismic verify --generation {name}`, and choose another"
        )
    with appending(collection):  # writers check changes against the served generation
        _check_changes(collection, name)
        point_to(collection, name)
    return name


def _check_changes(collection: Path, name: str) -> None:
    """Raise StorageError if a later change does not fit the generation's dimension or columns.

    Columns, tokens and components that later changes added are added to the generation, too.
    """
    folder = collection / GENERATIONS / name
    manifest = read_manifest(folder)
    records, position = read_log(collection, position_after(collection, manifest.sequence))
    rules = read_rules(folder, manifest)
    while records:
        for record in records:
            try:
                if record.sequence > manifest.sequence:
                    _, rules = decode(record.body, rules)
            except InputError as error:
                raise StorageError(
                    f"{collection}: change {record.sequence} does not fit generation {name}, so nothing was changed: "
                    f"{error}; choose another generation, or build one"
                ) from None
        records, position = read_log(collection, position)
