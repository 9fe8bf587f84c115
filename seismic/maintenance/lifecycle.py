"""List, drop, rename and alias collections in a folder of collections.

A dropped collection is renamed to a hidden name first, so that readers and writers see all of it or nothing; the next
drop in the same folder removes what a killed one left. An alias is a relative symbolic link beside its collection.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seismic.conversion.numbers import as_path
from seismic.conversion.plain import excerpt
from seismic.errors import IndexNotFoundError, OutputExistsError, ParameterError, StorageError
from seismic.store.collection import CURRENT, GENERATIONS, SYSTEM_FOLDERS, generation_names, is_foreign
from seismic.store.failures import file_errors
from seismic.store.files import fsync
from seismic.store.lock import LOCK, exclusive, writing
from seismic.store.log import LOG, appending
from seismic.store.profiles import PROFILES
from seismic.store.watermark import WATERMARK

DROPPED = ".seismic-dropped-"
"""Prefix of the hidden name of a dropped collection."""

LINK, LINK_LOCK = ".seismic-alias-next", ".seismic-alias-lock"

_RESERVED = SYSTEM_FOLDERS | {CURRENT, GENERATIONS}
"""Names that no collection may have. With the last two, a folder of collections would look like one collection."""

LONGEST_NAME = 200
"""Bytes of a name: file systems allow 255, and hidden names are longer than it."""

PT_META = "pt_meta.json"
"""Description that PyTerrier writes into the folder of an artifact."""

_PARTS = frozenset({PT_META, CURRENT, GENERATIONS, LOCK, LOG, PROFILES, WATERMARK})


def drop(path: str | Path) -> None:
    """Remove the collection at `path` and its aliases.

    Open indexes continue to answer from the files they have mapped. Raises IndexNotFoundError if there is no
    collection, StorageError if the folder holds anything else, and LockedError if a writer is active; nothing is
    removed then.
    """
    folder = Path(os.path.abspath(as_path(path)))
    _remove_leftovers(folder.parent)
    _check_is_collection(folder)
    if strangers := sorted(name for name in _names(folder) if name not in _PARTS and not name.startswith(".")):
        raise StorageError(
            f"{folder}: found '{strangers[0]}', which is not part of a collection, so nothing was removed; move it away"
        )
    links = [alias for alias, name in aliases(folder.parent).items() if name == folder.name]
    with file_errors("remove", folder), _unchanged(folder, "drop"):
        hidden = Path(tempfile.mkdtemp(prefix=DROPPED, dir=folder.parent))
        folder.rename(hidden)  # replaces the empty folder
        fsync(folder.parent)
    for alias in links:
        with suppress(OSError):  # unlinked meanwhile
            (folder.parent / alias).unlink()
    shutil.rmtree(hidden, ignore_errors=True)


def rename(directory: str | Path, old: str, new: str) -> Path:
    """Rename a collection in a folder of collections, with its aliases, and return its new folder.

    Open indexes continue to answer; they have to be opened again to see later changes. Raises ParameterError for
    a name that cannot be served, IndexNotFoundError, OutputExistsError, or LockedError if a writer is active.
    """
    parent = as_path(directory)
    source, target = parent / check_name(old, "name"), parent / check_name(new, "new name")
    _check_is_collection(source)
    if os.path.lexists(target):
        raise OutputExistsError(f"{target} exists; choose another name, or drop it first")
    links = [alias for alias, name in aliases(parent).items() if name == old]
    with file_errors("rename", source), _unchanged(source, "rename"):
        source.rename(target)
        fsync(parent)
    for link in links:
        alias(parent, link, new)
    return target


def alias(directory: str | Path, alias: str, collection: str) -> None:
    """Make `alias` another name of a collection in a folder of collections, atomically if it was one of another.

    Raises ParameterError for a name that cannot be served, IndexNotFoundError if there is no such collection, and
    OutputExistsError if `alias` is a collection.
    """
    parent = as_path(directory)
    link, target = parent / check_name(alias, "alias"), parent / check_name(collection, "collection")
    _check_is_collection(target)
    if os.path.lexists(link) and not link.is_symlink():
        raise OutputExistsError(f"{link} is no alias; choose another name, or drop or rename it first")
    with file_errors("write", link), exclusive(parent / LINK_LOCK, "a change of aliases", timeout=10):
        (parent / LINK).unlink(missing_ok=True)  # of a killed call
        (parent / LINK).symlink_to(collection, target_is_directory=True)
        os.replace(parent / LINK, link)
        fsync(parent)


def unalias(directory: str | Path, alias: str) -> None:
    """Remove an alias; its collection stays. Raises IndexNotFoundError if there is no such alias."""
    parent = as_path(directory)
    link = parent / check_name(alias, "alias")
    if not link.is_symlink():
        raise IndexNotFoundError(f"{link}: found no alias; there are {', '.join(aliases(parent)) or 'none'}")
    with file_errors("remove", link):
        link.unlink()
        fsync(parent)


def collections(directory: str | Path) -> list[str]:
    """Return the names of the collections in a folder, damaged ones included, without aliases. Raises StorageError."""
    parent = as_path(directory)
    names = [name for name in sorted(_names(parent)) if not is_foreign(name)]
    return [name for name in names if not (parent / name).is_symlink() and _is_collection(parent / name)]


def aliases(directory: str | Path) -> dict[str, str]:
    """Return the aliases in a folder of collections: alias -> name of its collection. Raises StorageError."""
    parent = as_path(directory)
    found = {}
    for name in sorted(_names(parent)):
        link = parent / name
        if not name.startswith(".") and link.is_symlink():
            with suppress(OSError):  # removed meanwhile
                target = Path(os.path.normpath(os.path.abspath(parent) / Path(os.readlink(link))))
                if target.parent == Path(os.path.abspath(parent)):
                    found[name] = target.name
    return found


def check_name(name: str, what: str) -> str:
    """Return a name under which a collection can be served. Raises ParameterError, which starts with `what`."""
    fits = isinstance(name, str) and name.isprintable() and not {"/", ":"} & set(name) and name.strip() == name
    if not fits or name.startswith(".") or name in _RESERVED or not 0 < len(name.encode()) <= LONGEST_NAME:
        raise ParameterError(
            f"{what} is {excerpt(name)}, expected 1 to {LONGEST_NAME} bytes of text without '/' and ':' that does not "
            "start with '.'"
        )
    return name


@contextmanager
def _unchanged(collection: Path, what: str) -> Iterator[None]:
    """Keep every writer out. Raises LockedError if one is active."""
    with writing(collection, what), appending(collection):
        yield


def _check_is_collection(folder: Path) -> None:
    """Raise unless the folder holds a collection, perhaps a damaged one."""
    if folder.is_symlink():
        name = os.readlink(folder)
        raise StorageError(f"{folder} is an alias of '{name}'; name the collection itself, or remove the alias")
    if not _is_collection(folder):
        raise IndexNotFoundError(f"{folder}: no collection there")


def _is_collection(folder: Path) -> bool:
    with file_errors("read", folder):
        return folder.is_dir() and (bool(generation_names(folder)) or (folder / CURRENT).is_file())


def _names(directory: Path) -> list[str]:
    with file_errors("read", directory):
        return os.listdir(directory)


def _remove_leftovers(directory: Path) -> None:
    """Remove what killed calls left. One that still runs, in another process, ends as well."""
    if directory.is_dir():
        for name in _names(directory):
            if name.startswith(DROPPED):
                shutil.rmtree(directory / name, ignore_errors=True)
