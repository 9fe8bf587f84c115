"""Migration: an index of an older format becomes one of this release's.

A change of the format adds one function to `MIGRATIONS`. It gets the folder of a generation in its format, which it may
not change, and an empty one, into which it writes that generation in the format it leads to.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from seismic.errors import CorruptIndexError, FormatError
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.garbage import STAGING
from seismic.store.manifest import FILE_NAME, FORMAT_MAJOR, FORMAT_MINOR, read_manifest
from seismic.store.publish import KEEP, staging

Step = tuple[str, Callable[[Path, Path], None]]

MIGRATIONS: dict[str, Step] = {}
"""Format -> the format that its function leads to, and the function: migrate(old folder, new folder)."""

FORMAT = f"{FORMAT_MAJOR}.{FORMAT_MINOR}"


def migrate(path: str | Path, *, keep: int = KEEP) -> Path | None:
    """Publish the collection at `path` in this release's format; the generation's folder, or None if it has it already.

    The old generation stays to roll back to, for the release that reads it. Raises FormatError if no migration leads
    from its format to this one, or a StorageError.
    """
    collection = Path(path)
    folder = collection / GENERATIONS / current_generation(collection)
    steps = path_from(format_of(folder))
    if not steps:
        return None
    publishing = staging(collection, replace=True, keep=keep, what="migration", migrating=True)
    with publishing as (target, generation), ExitStack() as scratch:
        for step in steps:
            made = Path(scratch.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=STAGING)))
            step(folder, made)
            folder = made
        for inner in folder.iterdir():
            inner.rename(target / inner.name)
        read_manifest(target).model_copy(update={"generation": generation}).write(target)
    return collection / GENERATIONS / generation


def format_of(folder: Path) -> str:
    """The format of a generation, whichever it is."""
    try:
        return str(json.loads((folder / FILE_NAME).read_bytes())["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptIndexError(f"{folder / FILE_NAME} names no format: {error}; restore it or roll back") from None


def path_from(found: str) -> list[Callable[[Path, Path], None]]:
    """The migrations that lead from a format to this release's, in order."""
    steps = []
    at = found
    while at != FORMAT:
        if at not in MIGRATIONS:
            known = ", ".join([*MIGRATIONS, FORMAT])
            raise FormatError(
                f"found format {found}, this release migrates from {known}; use the release that wrote it"
            )
        at, step = MIGRATIONS[at]
        steps.append(step)
    return steps
