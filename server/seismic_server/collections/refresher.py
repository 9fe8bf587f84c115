"""Keep a collection up to date while it is searched: changes, new generations, compaction."""

import asyncio
import time
from pathlib import Path
from typing import Any

import structlog

from seismic import StorageError
from seismic.errors import OverloadedError, TooManyFilesError
from seismic.store.collection import CURRENT
from seismic.store.history import remove_remains
from seismic.store.log import segment_path, segments
from seismic.store.profiles import profiles_stamp
from seismic_server.collections.served import Collection
from seismic_server.jobs.job import Job
from seismic_server.jobs.process import run_worker
from seismic_server.jobs.queue import Jobs
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

    def __init__(
        self, collection: Collection, settings: Settings, threads: Threads, metrics: Metrics, jobs: Jobs
    ) -> None:
        self._collection, self._settings, self._threads, self._jobs = collection, settings, threads, jobs
        self._reloads = metrics.reloads
        self._folder = collection.index.view.collection
        self._retired = False
        self._seen: Any = None
        self._short = False
        self._next_compaction = 0.0

    async def run(self) -> None:
        """Look for changes a few times a second, until another collection replaces this one."""
        while True:
            await asyncio.sleep(self._settings.reload_ms / 1000)
            if self._retired:
                return
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

    def compact(self, *, automatic: bool = False, **options: Any) -> Job:
        """Return the job that compacts the collection: the one that waits or runs, or a new one.

        Raises OverloadedError if too many jobs wait.
        """
        place = str(self._folder)
        waiting = self._jobs.active("compact", place, **options)
        name = self._collection.name
        return waiting or self._jobs.submit("compact", name, place, self._compact, automatic=automatic, **options)

    def _compact_if_due(self) -> None:
        percent, now = self._settings.compact_percent, time.monotonic()
        if percent == 0 or now < self._next_compaction or self._jobs.active("compact", str(self._folder)):
            return
        view = self._collection.index.view
        if view.changed >= max(LEAST_CHANGES, view.live * percent / 100):
            try:
                self.compact(automatic=True)
            except OverloadedError:  # many other jobs wait
                self._next_compaction = now + RETRY_SECONDS

    async def _compact(self, job: Job) -> dict[str, Any]:
        try:
            result = await run_worker(job, {"folder": str(self._folder), "options": job.options})
        except BaseException:
            self._next_compaction = time.monotonic() + RETRY_SECONDS
            await self._threads.run(remove_remains, self._folder)
            raise
        await self._threads.run(self.refresh)
        return {"generation": self._collection.index.generation} | result

    def retire(self) -> None:
        """End `run` soon."""
        self._retired = True


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
