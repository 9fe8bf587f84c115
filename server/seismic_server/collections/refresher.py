"""Keep a collection up to date while it is searched: changes, new generations, compaction."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import structlog

from seismic import StorageError
from seismic.errors import TooManyFilesError
from seismic.store.collection import CURRENT
from seismic.store.log import segment_path, segments
from seismic.store.profiles import profiles_stamp
from seismic_server.collections.served import Collection
from seismic_server.observe.metrics import Metrics
from seismic_server.pool import Threads
from seismic_server.settings import Settings

log = structlog.get_logger("server")

LEAST_CHANGES = 1000
"""Fewest changed documents that are worth a compaction process."""

SHORT_SECONDS = 5.0
"""Pause after a refresh for which memory or descriptors were short."""

RETRY_SECONDS = 60.0
"""Pause after a failed compaction; another writer may hold the lock for long."""


class Refresher:
    """Switch to the changes and generations that any process publishes, and compact when many documents changed.

    Running searches keep the view they started with; its files stay open until the last of them ends. A generation
    that cannot be opened only makes the collection `stale`.
    """

    def __init__(self, collection: Collection, settings: Settings, threads: Threads, metrics: Metrics) -> None:
        self._collection, self._settings, self._threads = collection, settings, threads
        self._reloads = metrics.reloads
        self._folder = collection.index.view.collection
        self._retired = False
        self._seen: Any = None
        self._short = False
        self._compaction: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Look for changes a few times a second, until another collection replaces this one."""
        while not self._retired:
            await asyncio.sleep(self._settings.reload_ms / 1000)
            if (stamp := _stamp(self._folder, self._collection.index.generation)) != self._seen:
                await self._threads.run(self.refresh)
                if self._short:
                    await asyncio.sleep(SHORT_SECONDS)
                else:
                    self._seen = stamp  # from before the refresh, so that later changes are not missed
            self._compact_if_due()

    def refresh(self) -> bool:
        """Switch to the newest generation and changes, and return whether that worked. Blocks."""
        collection, index = self._collection, self._collection.index
        before, self._short = index.generation, False
        try:
            changed = index.refresh()
        except (StorageError, OSError, MemoryError) as error:
            self._short = isinstance(error, OSError | MemoryError | TooManyFilesError)
            collection.stale = (
                f"cannot serve a newer generation or change ({type(error).__name__}; the server's log has the cause); "
                f"generation {before} is served up to change {index.sequence}"
            )
            self._reloads.labels(index.name, "failed").inc()
            log.exception("collection cannot be refreshed", collection=index.name, generation=before)
            return False
        collection.stale = None
        if changed:
            self._reloads.labels(index.name, "ok").inc()
        if index.generation != before:
            log.info("generation is served", collection=index.name, generation=index.generation, before=before)
        elif changed:
            log.debug("changes are served", collection=index.name, sequence=index.sequence)
        return True

    def _compact_if_due(self) -> None:
        percent = self._settings.compact_percent
        if percent == 0 or (self._compaction and not self._compaction.done()):
            return
        view = self._collection.index.view
        if view.changed >= max(LEAST_CHANGES, view.live * percent / 100):
            self._compaction = asyncio.create_task(self._compact())

    async def _compact(self) -> None:
        """Compact in a separate process, which returns its memory and leaves the interpreter to searches."""
        command = (sys.executable, "-m", "seismic.maintenance.compaction", str(self._folder))
        try:
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        except OSError as error:  # no memory, process or descriptor for it
            log.warning("compaction failed", collection=self._collection.index.name, reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            return
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:  # cancelled; killing a compaction loses nothing
                process.kill()
                await process.wait()
        if process.returncode:
            reason = errors.decode(errors="replace").strip().rpartition("\n")[2]
            log.warning("compaction failed", collection=self._collection.index.name, reason=reason)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            log.info("compacted", collection=self._collection.index.name)

    def retire(self) -> None:
        """End `run` soon."""
        self._retired = True

    async def stop(self) -> None:
        """Cancel a running compaction."""
        if self._compaction:
            self._compaction.cancel()
            await asyncio.wait([self._compaction])


def _stamp(folder: Path, generation: str) -> Any:
    """Return a value that differs when the generation, its log or its profiles change."""
    try:
        current = (folder / CURRENT).stat()
        last = segments(folder)[-1:]
        sizes = [segment_path(folder, one).stat().st_size for one in last]
        tuned = profiles_stamp(folder, generation)
        return current.st_ino, current.st_mtime_ns, last, sizes, tuned
    except (OSError, StorageError) as error:  # being replaced, gone, or out of reach
        return str(error)
