"""Discovery of collections and aliases that appear, change, vanish or become readable while the service runs."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from seismic import StorageError
from seismic.store.collection import GENERATIONS
from seismic.store.manifest import FILE_NAME
from seismic_server.collections.folders import collection_folders, may_be_collection, split_aliases
from seismic_server.collections.opening import open_warm
from seismic_server.collections.served import Collection, Stamp
from seismic_server.service import Service

LOOK_SECONDS = 1.0
"""Interval between two looks at the directory, and before the first retry of a collection that cannot be opened."""

LONGEST_PAUSE = 60.0
"""Longest interval between two retries, which double."""

MISSED = 2
"""Looks in a row at which a collection must be missing: an operator may be replacing its folder."""

log = structlog.get_logger("server")


class Discovery:
    """Looks for collections to open: new ones, links that point elsewhere now, and earlier failures.

    A collection is warmed up before it is served. One whose folder is gone is served no more.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._retries = {name: (time.monotonic(), LOOK_SECONDS) for name in service.collections.unavailable}
        self._missed: dict[str, int] = {}
        for collection in service.collections:
            _is_replaced(collection)  # notes what is served

    async def run(self) -> None:
        """Look forever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name, folder in (await self._look()).items():
                await self._open(name, folder)

    async def look_at_once(self) -> None:
        """Take up what another process has changed: open, alias, forget; what is still there may be changed again."""
        for name, folder in (await self._look(told=True)).items():
            await self._open(name, folder)
        await self._look(told=True)  # aliases of what was opened just now
        async with self._service.entries:
            leaving = [one for one in self._service.collections if one.leaving]
            gone = await self._service.threads.run(
                lambda: [one for one in leaving if not may_be_collection(one.folder)]
            )
            for collection in leaving:
                if collection in gone:
                    self._service.forget(collection.name)
                else:
                    self._service.stay(collection.name)

    async def _look(self, *, told: bool = False) -> dict[str, Path]:
        """Take up aliases and removals, and return the collections to open: name to folder.

        `told` of a change by a process of this service: do not wait for retries, nor forget what others may replace.
        """
        service = self._service
        async with service.entries:
            try:
                folders, aliases = await service.threads.run(self._entries)
            except StorageError:  # the directory is being moved, or its disk is gone for a while
                return {}
            for name in service.collections.unavailable.keys() - folders.keys():
                service.collections.forget(name)
            aliases = {alias: self._ready(alias, name) for alias, name in aliases.items()}
            if not told:
                self._forget_missing(folders, aliases)
            if aliases != service.collections.aliases:
                log.info("aliases are served", aliases=aliases)
                service.set_aliases(aliases)
        return await service.threads.run(self._to_open, folders, told)

    def _entries(self) -> tuple[dict[str, Path], dict[str, str]]:
        directory = self._service.settings.directory
        return split_aliases(directory, collection_folders(directory))

    def _ready(self, alias: str, name: str) -> str:
        """Return the collection of an alias: until `name` is open, the one that the alias named before."""
        collections = self._service.collections
        before = collections.aliases.get(alias, name)
        return name if collections.get(name) or not collections.get(before) else before

    def _forget_missing(self, folders: Mapping[str, Path], aliases: Mapping[str, str]) -> None:
        """Serve collections no more that are gone, unless an alias still needs them, or whose name is an alias now."""
        needed = folders.keys() | set(aliases.values())
        missing = [one.name for one in self._service.collections if one.name not in needed]
        self._missed = {name: self._missed.get(name, 0) + 1 for name in missing}
        for name, looks in self._missed.items():
            if looks >= MISSED or name in aliases:
                log.info("collection is gone", collection=name)
                self._service.forget(name)

    def _to_open(self, folders: Mapping[str, Path], told: bool) -> dict[str, Path]:
        now, wanted = time.monotonic(), {}
        for name, folder in folders.items():
            served = self._service.collections.get(name)
            due, _ = self._retries.get(name, (now, LOOK_SECONDS))
            if (told or due <= now) and (served is None or served.folder != folder or _is_replaced(served)):
                wanted[name] = folder
        return wanted

    async def _open(self, name: str, folder: Path) -> None:
        service = self._service
        before = service.collections.get(name)
        try:
            index = await service.threads.run(open_warm, name, folder, service.settings, service.is_closing)
        except Exception as error:  # perhaps still being copied
            _, pause = self._retries.get(name, (0.0, LOOK_SECONDS))
            self._retries[name] = (time.monotonic() + pause, min(2 * pause, LONGEST_PAUSE))
            if service.collections.get(name) is None:
                service.collections.set_unavailable(name, error)
            else:
                log.error("link points to a folder that cannot be opened", collection=name, reason=str(error))
            return
        self._retries.pop(name, None)
        async with service.entries:
            folders, _ = await service.threads.run(self._entries)
            if service.collections.get(name) is not before or folders.get(name) != folder:
                return  # a request has created, renamed or dropped it meanwhile
            collection = Collection(index, "ready")
            _is_replaced(collection)
            service.follow(collection)
        log.info("collection is ready", collection=name, generation=index.generation)


def _is_replaced(served: Collection) -> bool:
    """Return whether the folder was removed and made again, with a generation of the same number."""
    generation = served.index.generation
    stamp = _stamp(served.folder / GENERATIONS / generation / FILE_NAME)
    if stamp is not None and (served.noted is None or served.noted[0] != generation):
        served.noted = generation, stamp
        return False
    return stamp is not None and served.noted is not None and served.noted[1] != stamp


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:  # the folder is gone
        return None
    return found.st_ino, found.st_mtime_ns
