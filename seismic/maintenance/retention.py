"""A folder of snapshots of a collection, of which the newest are kept."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from seismic.conversion.numbers import as_path
from seismic.errors import ParameterError
from seismic.maintenance.snapshot import create_snapshot
from seismic.store.failures import file_errors


class Kept(NamedTuple):
    """A new snapshot, its size in bytes, and the older ones that were removed for it."""

    file: Path
    bytes: int
    removed: list[Path]


def keep_snapshots(path: str | Path, folder: str | Path, keep: int, *, compress: bool = False) -> Kept:
    """Write a snapshot of the collection at `path` into a folder, then remove all but the newest `keep`.

    Snapshots are named after the collection and the time in UTC, `NAME-20300131T123015Z.snapshot`; other files are left
    alone. The new one always stays, whatever the times of the others. Nothing is removed if it cannot be written.
    Raises ParameterError, OutputExistsError, IndexNotFoundError, CorruptIndexError or another StorageError.
    """
    collection, folder = as_path(path), as_path(folder)
    if keep < 1:
        raise ParameterError(f"keep: found {keep}, expected at least 1 snapshot")
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise ParameterError(f"keep: found {found} at {folder}, expected an existing folder to keep snapshots in")
    name = os.path.basename(os.path.abspath(collection))
    file = folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.snapshot"
    size = create_snapshot(collection, file, compress=compress)
    own = re.compile(re.escape(name) + r"-\d{8}T\d{6}Z\.snapshot")
    with file_errors("remove old snapshots from", folder):
        older = sorted(one for one in folder.iterdir() if own.fullmatch(one.name) and one != file)
        removed = older[: max(0, len(older) - keep + 1)]
        for one in removed:
            one.unlink(missing_ok=True)
    return Kept(file, size, removed)
