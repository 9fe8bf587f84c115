"""Garbage of a collection: old generations without readers, and the remains of killed writers."""

import os
import shutil
from pathlib import Path

from seismic.store.collection import GENERATIONS, current_generation, generation_names
from seismic.store.leases import LEASES, Leases
from seismic.store.lock import try_exclusive
from seismic.store.manifest import FILE_NAME

STAGING, TRASH = ".staging-", ".trash-"
RESUMABLE = f"{STAGING}resumable"
RESUMED = f"{STAGING}resumed.json"
"""Names the resumable build of a generation while it is published: a process killed just after that may run again."""


def remove_leftovers(collection: Path, spare: str = "") -> list[str]:
    """Remove the remains of killed writers, except `spare`, and return their names. The caller holds the write lock."""
    generations = collection / GENERATIONS
    found = [path for path in generations.iterdir() if path.name.startswith((STAGING, TRASH)) and path.name != spare]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [path.name for path in found]


def remove_old(collection: Path, keep: int, before: str | None = None) -> list[str]:
    """Remove all generations except the `keep` newest and those that a reader has open; return the removed ids.

    The served generation counts as the newest, and `before`, which was served before it, as the second. The caller
    holds the write lock.
    """
    current = current_generation(collection)
    names = generation_names(collection)
    ranked = sorted(names, key=lambda name: (name == current, name == before, int(name)), reverse=True)
    return [name for name in sorted(ranked[keep:]) if _remove(collection / GENERATIONS / name)]


def _remove(folder: Path) -> bool:
    """Remove a generation unless a reader holds it. The rename makes the removal atomic for readers."""
    trash = folder.with_name(TRASH + folder.name)
    try:
        if is_leased(folder):
            return False
        with try_exclusive(folder / FILE_NAME) as exclusive:
            if not exclusive:
                return False
            folder.rename(trash)
    except FileNotFoundError:  # no manifest, no readers
        folder.rename(trash)
    except OSError:  # no permission: it stays listed
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True


def is_leased(folder: Path) -> bool:
    """Return whether a node, perhaps on another machine, holds a lease on a generation."""
    collection = folder.parent.parent
    if not (collection / LEASES).is_dir():
        return False
    from pyarrow.fs import LocalFileSystem

    return Leases(LocalFileSystem(), os.fspath(collection.absolute())).held(folder.name)
