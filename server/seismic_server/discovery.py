"""Discovery of collections that appear, change their folder or become readable while the service runs."""

import asyncio
import time
from pathlib import Path
from typing import TypeAlias

import structlog

from seismic import EncoderError, Index, StorageError
from seismic.store.collection import GENERATIONS
from seismic.store.manifest import FILE_NAME
from seismic_server.collections.folders import collection_folders
from seismic_server.collections.served import Collection, open_collection
from seismic_server.service import Service

LOOK_SECONDS = 1.0
"""Interval between two looks at the directory, and before the first retry of a collection that cannot be opened."""

LONGEST_PAUSE = 60.0
"""Longest interval between two retries, which double."""

Stamp: TypeAlias = tuple[int, int]

log = structlog.get_logger("server")


class Discovery:
    """Looks for collections to open: new ones, links that point elsewhere now, and earlier failures.

    A collection is warmed up before it is served.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._retries = {name: (time.monotonic(), LOOK_SECONDS) for name in service.collections.unavailable}
        self._refreshers: list[asyncio.Task[None]] = []
        self._manifests: dict[str, tuple[str, Stamp]] = {}
        for collection in service.collections:
            self._is_replaced(collection)  # notes what is served

    async def run(self) -> None:
        """Look forever, and refresh the collections that were found."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                for name, folder in (await self._service.threads.run(self._to_open)).items():
                    await self._open(name, folder)
        finally:
            for refresher in self._refreshers:
                refresher.cancel()

    def _to_open(self) -> dict[str, Path]:
        """Return the collections to open: name to folder."""
        collections = self._service.collections
        try:
            folders = collection_folders(self._service.settings.directory)
        except StorageError:  # the directory is being moved, or its disk is gone for a while
            return {}
        for name in collections.unavailable.keys() - folders.keys():
            collections.forget(name)
        now, wanted = time.monotonic(), {}
        for name, folder in folders.items():
            served = collections.get(name)
            due, _ = self._retries.get(name, (now, LOOK_SECONDS))
            if due <= now and (served is None or served.folder != folder or self._is_replaced(served)):
                wanted[name] = folder
        return wanted

    def _is_replaced(self, served: Collection) -> bool:
        """Return whether the folder was removed and made again, with a generation of the same number."""
        generation = served.index.generation
        stamp = _stamp(served.folder / GENERATIONS / generation / FILE_NAME)
        known = self._manifests.get(served.name)
        if stamp is not None and (known is None or known[0] != generation):
            self._manifests[served.name] = generation, stamp
            return False
        return stamp is not None and known is not None and known[1] != stamp

    async def _open(self, name: str, folder: Path) -> None:
        service = self._service
        try:
            index = await service.threads.run(self._warm_index, name, folder)
        except Exception as error:  # perhaps still being copied
            _, pause = self._retries.get(name, (0.0, LOOK_SECONDS))
            self._retries[name] = (time.monotonic() + pause, min(2 * pause, LONGEST_PAUSE))
            if service.collections.get(name) is None:
                service.collections.set_unavailable(name, error)
            else:
                log.error("link points to a folder that cannot be opened", collection=name, reason=str(error))
            return
        self._retries.pop(name, None)
        self._manifests.pop(name, None)
        collection = Collection(index, "ready")
        self._is_replaced(collection)
        self._refreshers.append(asyncio.create_task(service.serve(collection).run()))
        log.info("collection is ready", collection=name, generation=index.generation)

    def _warm_index(self, name: str, folder: Path) -> Index:
        index = open_collection(name, folder, self._service.settings.verify)
        warm_up(index)
        index.warm_up(changes=True)
        return index


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:  # the folder is gone
        return None
    return found.st_ino, found.st_mtime_ns


def warm_up(index: Index) -> None:
    """Compile kernels and load the encoder, so that no request waits for either.

    A collection whose encoder cannot be loaded still answers queries by vector.
    """
    index.warm_up()
    if index.manifest.encoder:
        try:
            index.encoder.encode_queries(["warm up"])
        except EncoderError as error:
            log.warning("encoder cannot be loaded; texts are refused", collection=index.name, reason=str(error))
