"""Keep a collection up to date while it is searched: changes, new generations, compaction."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from seismic import StorageError
from seismic.errors import OverloadedError, TooManyFilesError
from seismic.store.collection import CURRENT
from seismic.store.log import segment_path, segments
from seismic.store.profiles import profiles_stamp
from seismic_server.collections.served import Collection
from seismic_server.jobs.job import Job, now
from seismic_server.jobs.tasks import JobDesk, Task
from seismic_server.observe.metrics import Metrics
from seismic_server.peers.peers import Peers
from seismic_server.pool import Threads
from seismic_server.settings import Settings

log = structlog.get_logger("server")

LEAST_CHANGES = 1000
"""Fewest changed documents that are worth a compaction process."""

SHORT_SECONDS = 5.0
"""Pause after a refresh for which memory or descriptors were short, or nodes were not ready."""

RETRY_SECONDS = 60.0
"""Pause after a failed compaction; another writer may hold the lock for long."""


class Refresher:
    """Switch to the changes and generations that any process publishes, and compact when many documents changed.

    Running searches keep the view they started with; its files stay open until the last of them ends. A generation
    that cannot be opened only makes the collection `stale`.
    """

    def __init__(
        self,
        collection: Collection,
        settings: Settings,
        threads: Threads,
        metrics: Metrics,
        jobs: JobDesk,
        peers: Peers,
    ) -> None:
        self._collection, self._settings, self._threads = collection, settings, threads
        self._jobs, self._peers = jobs, peers
        self._reloads = metrics.reloads
        self._folder = collection.index.view.collection
        self._retired = False
        self._seen: Any = None
        self._short = False

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
            if self._is_compaction_due():
                await self._compact_unless_failed()

    def refresh(self) -> bool:
        """Switch to the newest generation and changes, and return whether that worked. Blocks."""
        collection, index = self._collection, self._collection.index
        before, self._short = index.generation, False
        try:
            changed = index.refresh()
        except (StorageError, OSError, MemoryError) as error:
            local = isinstance(error, OSError | MemoryError | TooManyFilesError)
            self._short = local or not index.has_shards  # nodes may still fetch the files, or come back
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

    async def compact(self, *, automatic: bool = False, **options: Any) -> Job:
        """Return the job that compacts the collection: the one that waits or runs, or a new one.

        Raises OverloadedError if too many jobs wait.
        """
        task = Task("compact", self._collection.name, str(self._folder), options, automatic=automatic)
        return await self._jobs.start(task)

    def _is_compaction_due(self) -> bool:
        percent, view = self._settings.compact_percent, self._collection.index.view
        enough = percent > 0 and view.changed >= max(LEAST_CHANGES, view.live * percent / 100)
        return enough and self._peers.leads

    async def _compact_unless_failed(self) -> None:
        """Compact, unless a compaction waits, runs, or has just failed."""
        with suppress(StorageError, OverloadedError):  # many other jobs wait, or the service ends
            mine = [job for job in await self._jobs.all() if (job.kind, job.place) == ("compact", str(self._folder))]
            unsuccessful = [job.ended for job in mine if job.ended and job.state != "done"]
            failed = any((now() - ended).total_seconds() < RETRY_SECONDS for ended in unsuccessful)
            if not failed and not any(job.active for job in mine):
                await self.compact(automatic=True)

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
