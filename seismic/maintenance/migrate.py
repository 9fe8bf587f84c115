"""Migration of an index to the format of this release.

Each change of the format adds one function to `MIGRATIONS`. It receives the folder of a generation in the old format,
which it must not change, and an empty folder, to which it writes the generation in the next format.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError

from seismic.conversion.numbers import as_path
from seismic.errors import CorruptIndexError, FormatError
from seismic.store.checksums import check_entries
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.failures import read_error
from seismic.store.garbage import STAGING
from seismic.store.manifest import (
    FILE_NAME,
    FORMAT_MAJOR,
    FORMAT_MINOR,
    VOCABULARY,
    FileEntry,
    manifest_hash,
    read_manifest,
)
from seismic.store.publish import KEEP, staging

Step = tuple[str, Callable[[Path, Path], None]]

MIGRATIONS: dict[str, Step] = {}
"""Format -> the next format, and the function migrate(old folder, new folder)."""

FORMAT = f"{FORMAT_MAJOR}.{FORMAT_MINOR}"


def migrate(path: str | Path, *, keep: int = KEEP) -> Path | None:
    """Publish the collection at `path` in this release's format and return the generation's folder; None if it has it.

    Its files are checked against their hashes first, so that damage does not get new hashes. The old generation remains
    for a rollback with the release that reads it. Raises FormatError if no migration leads from its format to this one,
    CorruptIndexError for damage, or another StorageError.
    """
    collection = as_path(path)
    folder = collection / GENERATIONS / current_generation(collection)
    steps = path_from(format_of(folder))
    if not steps:
        return None
    publishing = staging(collection, replace=True, keep=keep, what="migration", migrating=True)
    with publishing as (target, generation), ExitStack() as scratch:
        _check_hashes(folder)
        for step in steps:
            made = Path(scratch.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=STAGING)))
            step(folder, made)
            folder = made
        for inner in folder.iterdir():
            inner.rename(target / inner.name)
        read_manifest(target).model_copy(update={"generation": generation}).write(target)
    return collection / GENERATIONS / generation


def _check_hashes(folder: Path) -> None:
    """Check the files of a generation whose manifest this release cannot read; it must list them as today's does."""
    content = json.loads((folder / FILE_NAME).read_bytes())
    if content.pop("hash", None) != manifest_hash(content):
        raise CorruptIndexError(
            f"{folder / FILE_NAME} does not match its own hash: it was changed after it was written; nothing was "
            "changed; restore it or build again"
        )
    try:
        files = {
            f"{shard['folder']}/{name}": one for shard in content["shards"] for name, one in shard["files"].items()
        }
        if content["vocabulary"] is not None:
            files[VOCABULARY] = content["vocabulary"]
        entries = {name: FileEntry.model_validate(entry) for name, entry in files.items()}
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise CorruptIndexError(f"{folder / FILE_NAME} lists no files: {error}; restore it or roll back") from None
    for damage in check_entries(folder, entries, "full"):
        raise CorruptIndexError(f"{folder}/{damage}; nothing was changed; restore it or build again")


def format_of(folder: Path) -> str:
    """Return the format of a generation, known or not."""
    try:
        return str(json.loads((folder / FILE_NAME).read_bytes())["format"])
    except OSError as error:
        raise read_error(folder / FILE_NAME, error, "restore it or roll back") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptIndexError(f"{folder / FILE_NAME} names no format: {error}; restore it or roll back") from None


def path_from(found: str) -> list[Callable[[Path, Path], None]]:
    """Return the migrations from a format to this release's, in order."""
    steps = []
    current = found
    while current != FORMAT:
        if current not in MIGRATIONS:
            known = ", ".join([*MIGRATIONS, FORMAT])
            raise FormatError(
                f"found format {found}, this release migrates from {known}; use the release that wrote it"
            )
        current, step = MIGRATIONS[current]
        steps.append(step)
    return steps
