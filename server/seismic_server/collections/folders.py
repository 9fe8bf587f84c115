"""The folders of collections in the served directory."""

import os
from collections.abc import Mapping
from pathlib import Path

from seismic.errors import IndexNotFoundError
from seismic.store.collection import CURRENT, generation_names, is_foreign
from seismic.store.failures import file_errors


def collection_folders(directory: Path) -> dict[str, Path]:
    """Return the collections in a directory, or the directory itself if it is one: name to real folder.

    A symbolic link has its own name and the folder it points to now. Everything that cannot be a collection is ignored.
    Raises IndexNotFoundError if there is no directory, and StorageError if it cannot be read.
    """
    with file_errors("read", directory):
        if not directory.is_dir():
            raise IndexNotFoundError(f"{directory}: no such folder, expected a collection or a folder of collections")
        entries = sorted(name for name in os.listdir(directory) if not is_foreign(name))
    if may_be_collection(directory):
        return {Path(os.path.abspath(directory)).name: directory.resolve()}
    return {name: (directory / name).resolve() for name in entries if may_be_collection(directory / name)}


def split_aliases(directory: Path, folders: Mapping[str, Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the collections without their aliases, and the aliases: alias -> collection.

    An alias is a link to a collection beside it. A link that leads out of the directory is a collection itself.
    """
    root = directory.resolve()
    aliases = {
        name: folder.name
        for name, folder in folders.items()
        if folder.parent == root and folder.name != name and folders.get(folder.name) == folder
    }
    return {name: folder for name, folder in folders.items() if name not in aliases}, aliases


def may_be_collection(folder: Path) -> bool:
    """Return whether a folder is a collection, perhaps a damaged or unreadable one."""
    try:
        if not folder.is_dir():
            return False
        os.listdir(folder)
        return os.path.lexists(folder / CURRENT) or bool(generation_names(folder))
    except OSError:  # not readable, or a loop of links: opening it says why
        return True
