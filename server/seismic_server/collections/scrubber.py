"""Check all hashes of the served generations in the background, at a bounded rate."""

import asyncio
import threading
import time

import structlog

from seismic.params import Verify
from seismic.store.checksums import check_sections
from seismic.store.collection import GENERATIONS
from seismic.store.manifest import FILE_NAME, Manifest
from seismic.view.view import View
from seismic_server.collections.served import Collection, Collections, Scrubbed
from seismic_server.observe.metrics import Metrics
from seismic_server.peers.peers import Alone, Peers
from seismic_server.pool import Threads

LOOK_SECONDS = 1.0
"""Interval between two looks for generations that have not been checked."""

MEGABYTE = 1_000_000

log = structlog.get_logger("server")


class Scrubber:
    """Checks each served generation once, one after another.

    Opening checks a sample of the hashes, which misses most damage but delays nobody; this finds the rest. Damage
    becomes a `problem` of the collection, which goes on answering: most answers do not touch the damaged bytes, and no
    search leaves its arrays whatever they hold.
    """

    def __init__(
        self, collections: Collections, rate: int, opened: Verify, metrics: Metrics, peers: Peers | None = None
    ) -> None:
        """`rate`: megabytes per second. `opened`: what opening checks. One of the `peers` checks for all."""
        self._peers = peers or Alone()
        self._reports: dict[str, str | None] = {}  # of other processes: generation -> its damage
        self._collections, self._rate, self._opened, self._metrics = collections, rate, opened, metrics
        self._threads = Threads(1, "scrub")
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Look for generations to check, forever."""
        while True:
            for collection in self._collections:
                here = collection.index.has_shards  # nodes check their own
                if here and collection.state == "ready" and collection.integrity == "unchecked":
                    await self._check(collection)
            await asyncio.sleep(LOOK_SECONDS)

    def note(self, generation: str, damage: str | None) -> None:
        """Note what another process has found in a generation."""
        self._reports[generation] = damage

    def close(self) -> None:
        """Give up the running check, and end the thread."""
        self._stopped.set()
        self._threads.shutdown()

    async def _check(self, collection: Collection) -> None:
        """Take the result of another process, or check a generation and report the result."""
        manifest = collection.index.manifest
        generation = await self._threads.run(_identity, collection)
        if generation in self._reports:
            if _serves(collection, manifest):
                collection.scrubbed = Scrubbed(manifest, self._reports[generation])
        elif self._peers.leads:
            await self._threads.run(self._scrub, collection)
            if self._peers.member and collection.scrubbed and collection.scrubbed.manifest is manifest:
                await self._peers.ask("scrubbed", generation=generation, damage=collection.scrubbed.damage)

    def _scrub(self, collection: Collection) -> None:
        """Check a generation, unless another one is served meanwhile."""
        view = collection.index.view
        if self._opened == "full":
            collection.scrubbed = Scrubbed(view.manifest, None)
            return
        began = time.monotonic()
        damage = self._first_damage(collection, view)
        if self._stopped.is_set() or collection.leaving or not _serves(collection, view.manifest):
            return
        collection.scrubbed = Scrubbed(view.manifest, damage)
        about = {"collection": collection.name, "generation": view.manifest.generation}
        if damage:
            log.error("generation is damaged", **about, damage=damage)
        else:
            log.info("all hashes match", **about, seconds=round(time.monotonic() - began, 1))

    def _first_damage(self, collection: Collection, view: View) -> str | None:
        """Return the first damage of a view's generation, or None. Ends early if nobody needs the result."""
        folder = view.collection / GENERATIONS / view.manifest.generation
        for read, damage in check_sections(folder, view.manifest):
            self._metrics.scrubbed.inc(read)
            if damage:
                return str(damage)
            if self._stopped.wait(read / (self._rate * MEGABYTE)) or not _serves(collection, view.manifest):
                return None
        return None


def _identity(collection: Collection) -> str:
    """Return a text that only this generation has, even if a later collection has its path and number."""
    folder = collection.folder / GENERATIONS / collection.index.generation
    try:
        file = (folder / FILE_NAME).stat()
    except OSError:  # it is being removed
        return str(folder)
    return f"{folder} {file.st_ino} {file.st_mtime_ns}"


def _serves(collection: Collection, manifest: Manifest) -> bool:
    return collection.index.manifest is manifest
