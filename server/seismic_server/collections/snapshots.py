"""The files of snapshots that are made or uploaded over REST."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from seismic.errors import NotFoundError
from seismic.store.failures import file_errors

UPLOAD = ".upload-"
ABANDONED_SECONDS = 3600.0
"""Age of a partial file since its last byte, after which whoever wrote it is taken for dead."""

_FILE = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}\.snapshot")


class SnapshotFile(NamedTuple):
    """A finished snapshot."""

    file: str
    bytes: int
    created: datetime


class Snapshots:
    """A folder of snapshots, with a folder for each name of a collection.

    They stay when the collection is dropped, so that it can be restored.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, collection: str) -> Path:
        """Return the folder of a collection's snapshots, which may not exist."""
        return self._root / collection

    def new(self, collection: str) -> Path:
        """Return the path of a new snapshot, in an existing folder. Raises StorageError."""
        folder = self._root / collection
        with file_errors("write", folder):
            folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}.snapshot"

    def all(self, collection: str) -> list[SnapshotFile]:
        """Return the snapshots of a collection, oldest first."""
        folder, found = self.folder(collection), []
        with file_errors("read", folder):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if _FILE.fullmatch(path.name):
                    with suppress(FileNotFoundError):  # removed meanwhile
                        about = path.stat()
                        created = datetime.fromtimestamp(about.st_mtime, UTC)
                        found.append(SnapshotFile(path.name, about.st_size, created))
        return found

    def find(self, collection: str, file: str) -> Path:
        """Return the path of a snapshot. Raises NotFoundError."""
        path = self.folder(collection) / file
        if not (_FILE.fullmatch(file) and path.is_file()):
            raise NotFoundError(f"found no snapshot '{file}' of collection '{collection}'")
        return path

    def move(self, old: str, new: str) -> None:
        """Move the snapshots of a collection that was renamed."""
        source, target = self.folder(old), self.folder(new)
        if source.is_dir():
            with file_errors("write", target):
                target.mkdir(exist_ok=True)
                for path in source.iterdir():
                    path.rename(target / path.name)
                source.rmdir()

    @contextmanager
    def upload(self) -> Iterator[Path]:
        """Yield the path of an uploaded file, which is removed if the block fails. Raises StorageError."""
        with file_errors("write", self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self._root)
        path = self._root / f"{UPLOAD}{secrets.token_hex(8)}"
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _remove_abandoned(folder: Path) -> None:
    """Remove partial files of processes that were killed."""
    for path in folder.glob(".*"):
        with suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
