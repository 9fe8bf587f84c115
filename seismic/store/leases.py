"""<collection>/leases: which generations nodes read. A lease is a file that its node writes again every few seconds.

Locks of other machines cannot be relied on, and object storage has none. Ages are differences between times of files
on the same storage, so the clocks of machines do not matter.
"""

import uuid
from contextlib import suppress
from typing import Any

import orjson

LEASES = "leases"
HEARTBEAT = 10.0
"""Seconds between two writes of a lease."""

EXPIRY = 90.0
"""Seconds without a heartbeat after which a lease counts for nothing: its node has ended, or has lost the storage."""


class Leases:
    """Leases on the generations of a collection, which lies below `root` of a `pyarrow.fs.FileSystem`."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem, self._folder = filesystem, f"{root}/{LEASES}"

    def write(self, generation: str, holder: str) -> None:
        """Take a lease, or keep it from expiring. Raises OSError."""
        try:
            self._touch(self._path(generation, holder), {"holder": holder})
        except FileNotFoundError:  # object storage has no folders
            self._filesystem.create_dir(self._folder)
            self._touch(self._path(generation, holder), {"holder": holder})

    def end(self, generation: str, holder: str) -> None:
        """Remove a lease, if it is there."""
        with suppress(OSError):
            self._filesystem.delete_file(self._path(generation, holder))

    def held(self, generation: str) -> bool:
        """Return whether a node holds a lease on a generation; remove those that have expired. Raises OSError."""
        found = [one for one in self._files() if one.base_name.startswith(f"{generation}.")]
        if not found:
            return False
        now = self._now()
        alive = [one for one in found if now - one.mtime_ns < EXPIRY * 1e9]
        for one in found:
            if one not in alive:
                with suppress(OSError):
                    self._filesystem.delete_file(one.path)
        return bool(alive)

    def _files(self) -> list[Any]:
        from pyarrow.fs import FileSelector

        found: list[Any] = self._filesystem.get_file_info(FileSelector(self._folder, allow_not_found=True))
        return found

    def _now(self) -> int:
        """Return the time of the storage in nanoseconds."""
        path = self._path("now", uuid.uuid4().hex)
        self._touch(path, {})
        try:
            now: int = self._filesystem.get_file_info(path).mtime_ns
            return now
        finally:
            self._filesystem.delete_file(path)

    def _touch(self, path: str, content: dict[str, Any]) -> None:
        with self._filesystem.open_output_stream(path) as file:
            file.write(orjson.dumps(content))

    def _path(self, generation: str, holder: str) -> str:
        return f"{self._folder}/{generation}.{holder}.json"
