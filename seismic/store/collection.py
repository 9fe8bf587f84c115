"""Layout of a collection's folder: CURRENT names the served generation; generations/<id> holds it and never changes."""

from pathlib import Path

from seismic.errors import CorruptIndexError, IndexNotFoundError
from seismic.store.failures import read_error

CURRENT = "CURRENT"
GENERATIONS = "generations"

SYSTEM_FOLDERS = frozenset({"lost+found"})
"""Folders that file systems create. Hidden entries are not ours either."""


def is_foreign(name: str) -> bool:
    """Return whether an entry of a folder is one that file systems, desktops or editors create for themselves."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def current_generation(collection: Path) -> str:
    """Return the id of the served generation."""
    try:
        text = (collection / CURRENT).read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFoundError(f"{collection}: no index there (no {CURRENT} file); build one first") from None
    except OSError as error:
        raise read_error(collection / CURRENT, error, "roll back to a generation") from None
    name = text.strip()
    if not (name.isascii() and name.isdecimal()):
        raise CorruptIndexError(
            f"{collection / CURRENT}: found {text[:40]!r}, expected the number of a generation; roll back to one"
        )
    return name


def is_collection(folder: Path) -> bool:
    """Return whether a folder holds a published index."""
    return (folder / CURRENT).is_file()


def generation_names(collection: Path) -> list[str]:
    """Return the ids of the generations on disk, oldest first."""
    try:
        names = [entry.name for entry in (collection / GENERATIONS).iterdir() if entry.name.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise read_error(collection / GENERATIONS, error, "restore the collection") from None
    return sorted(names, key=int)


def generation_folder(collection: Path, name: str) -> Path:
    """Return the folder of a generation; "3" means "000003". Raises IndexNotFoundError."""
    names = generation_names(collection)
    for found in names:
        if isinstance(name, str) and name.isdecimal() and found.lstrip("0") == name.lstrip("0"):
            return collection / GENERATIONS / found
    raise IndexNotFoundError(f"{collection}: found no generation {name!r}; there are {', '.join(names) or 'none'}")
