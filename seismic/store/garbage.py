"""What a collection no longer needs: old generations that nobody reads, and what killed writers left."""

import shutil
from pathlib import Path

from seismic.store.collection import GENERATIONS, current_generation, generation_names
from seismic.store.lock import try_alone
from seismic.store.manifest import FILE_NAME

STAGING, TRASH = ".staging-", ".trash-"
RESUMABLE = f"{STAGING}resumable"


def remove_leftovers(collection: Path, but: str = "") -> list[str]:
    """Remove what writers that were killed left, all of it `but` one, and name it. The caller holds the lock of
    writers."""
    generations = collection / GENERATIONS
    found = [path for path in generations.iterdir() if path.name.startswith((STAGING, TRASH)) and path.name != but]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in found]


def remove_old(collection: Path, keep: int, before: str | None = None) -> list[str]:
    """Remove all but the `keep` newest generations, and those that are open somewhere; the ids of the removed.

    The one served counts as the newest, and `before`, which was served before it, as the next. The caller holds the
    lock of writers.
    """
    current = current_generation(collection)
    names = generation_names(collection)
    ranked = sorted(names, key=lambda name: (name == current, name == before, int(name)), reverse=True)
    return [name for name in sorted(ranked[keep:]) if _remove(collection / GENERATIONS / name)]


def _remove(folder: Path) -> bool:
    """Remove a generation unless a reader holds it. It goes in one step: no reader finds half of it."""
    trash = folder.with_name(TRASH + folder.name)
    try:
        with try_alone(folder / FILE_NAME) as alone:
            if not alone:
                return False
            folder.rename(trash)
    except FileNotFoundError:  # no manifest, no readers
        folder.rename(trash)
    except OSError:  # not ours to remove: it stays listed
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True
