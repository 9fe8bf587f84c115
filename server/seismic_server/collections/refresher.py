"""Keeping a collection up to date while it is searched: changes, new generations, compaction."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import structlog

from seismic import StorageError
from seismic.store.collection import CURRENT
from seismic.store.log import segment_path, segments
from seismic.store.profiles import profiles_stamp
from seismic_server.collections.served import Collection
from seismic_server.observe.metrics import Metrics
from seismic_server.pool import Threads
from seismic_server.settings import Settings

log = structlog.get_logger("server")

LEAST_CHANGES = 1000
"""Compacting is not worth a process of its own for fewer changed documents."""

RETRY_SECONDS = 60.0
"""Pause after a compaction that failed; another writer may be at work for long."""


class Refresher:
    """Takes in what any process changes or publishes, and compacts what has become too much.

    Searches go on meanwhile: they keep the view they began with, and its files stay open as long as one of them runs.
    A generation that cannot be opened changes nothing but the collection's `problem`.
    """

    def __init__(self, collection: Collection, settings: Settings, threads: Threads, metrics: Metrics) -> None:
        self._collection, self._settings, self._threads = collection, settings, threads
        self._reloads = metrics.reloads
        self._folder = collection.index.view.collection
        self._seen: Any = None
        self._compaction: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Look a few times a second, for ever."""
        while True:
            await asyncio.sleep(self._settings.reload_ms / 1000)
            if (stamp := _stamp(self._folder, self._collection.index.generation)) != self._seen:
                await self._threads.run(self.refresh)
                self._seen = stamp  # taken before, so that nothing that came meanwhile is missed
            self._compact_if_due()

    def refresh(self) -> bool:
        """Take in what is new, on a thread that may block; whether that worked."""
        collection, index = self._collection, self._collection.index
        before = index.generation
        try:
            changed = index.refresh()
        except StorageError as error:
            collection.problem = (
                f"cannot take in what was published or changed ({type(error).__name__}; the server's log has the "
                f"cause); generation {before} is served up to change {index.sequence}"
            )
            self._reloads.labels(index.name, "failed").inc()
            log.exception("collection cannot be refreshed", collection=index.name, generation=before)
            return False
        collection.problem = None
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
        if view.live and view.changed >= max(LEAST_CHANGES, view.live * percent / 100):
            self._compaction = asyncio.create_task(self._compact())

    async def _compact(self) -> None:
        """In a process of its own: its memory goes with it, and it leaves the interpreter to searches."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "seismic.maintenance.compaction", str(self._folder), stderr=asyncio.subprocess.PIPE
        )
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:  # cancelled: nothing is lost by killing it
                process.kill()
                await process.wait()
        if process.returncode:
            reason = errors.decode(errors="replace").strip().rpartition("\n")[2]
            log.warning("compaction failed", collection=self._collection.index.name, reason=reason)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            log.info("compacted", collection=self._collection.index.name)

    async def stop(self) -> None:
        """End a compaction that runs."""
        if self._compaction:
            self._compaction.cancel()
            await asyncio.wait([self._compaction])


def _stamp(folder: Path, generation: str) -> Any:
    """Something that differs if the generation, its log or its profiles do."""
    try:
        current = (folder / CURRENT).stat()
        last = segments(folder)[-1:]
        sizes = [segment_path(folder, one).stat().st_size for one in last]
        tuned = profiles_stamp(folder, generation)
        return current.st_ino, current.st_mtime_ns, last, sizes, tuned
    except OSError as error:  # it is just being replaced, or gone
        return str(error)
