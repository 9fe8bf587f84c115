"""Discovery of collections that appear while the service runs. They are warmed up before they are served."""

import asyncio
from pathlib import Path

import structlog

import seismic
from seismic import EncoderError, Index
from seismic_server.collections.served import Collection, folders_in
from seismic_server.service import Service

LOOK_SECONDS = 1.0
"""Interval between two looks at the folder of collections."""

log = structlog.get_logger("server")


async def discover_collections(service: Service) -> None:
    """Look for new collections forever, and refresh those that were found.

    A collection that cannot be opened, perhaps because it is still being copied, is tried again.
    """
    directory, broken, refreshers = service.settings.directory, set[Path](), list[asyncio.Task[None]]()
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for folder in await service.threads.run(_new_folders, service, directory):
                try:
                    index = await service.threads.run(_opened, service, folder)
                except Exception as error:
                    if folder not in broken:
                        log.error("new collection cannot be served", collection=folder.name, reason=str(error))
                    broken.add(folder)
                else:
                    broken.discard(folder)
                    refreshers.append(asyncio.create_task(service.serve(Collection(index, "ready")).run()))
                    log.info("collection is ready", collection=index.name, generation=index.generation)
    finally:
        for refresher in refreshers:
            refresher.cancel()


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


def _new_folders(service: Service, directory: Path) -> list[Path]:
    try:
        return [folder for folder in folders_in(directory) if folder.name not in service.collections]
    except OSError:  # the folder is being moved, or its disk is gone for a while
        return []


def _opened(service: Service, folder: Path) -> Index:
    index = seismic.open(folder, verify=service.settings.verify)
    warm_up(index)
    index.warm_up(changes=True)
    return index
