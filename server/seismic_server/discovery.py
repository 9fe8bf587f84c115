"""Collections that come while the service runs: opened and warmed up first, and only then served."""

import asyncio
from pathlib import Path

import structlog

import seismic
from seismic import EncoderError, Index
from seismic_server.collections.served import Collection, folders_in
from seismic_server.service import Service

LOOK_SECONDS = 1.0
"""Between two looks at the folder of collections."""

log = structlog.get_logger("server")


async def discover_collections(service: Service) -> None:
    """Look for new collections, for ever, and keep those that were found up to date. One that cannot be opened, perhaps
    as it is just being copied, is tried again."""
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
    """Kernels, and the encoder, so that the first text need not wait for it. Vectors are searched without it, too."""
    index.warm_up()
    if index.manifest.encoder:
        try:
            index.encoder.encode_queries(["warm up"])
        except EncoderError as error:
            log.warning("encoder cannot be loaded, texts will be refused", collection=index.name, reason=str(error))


def _new_folders(service: Service, directory: Path) -> list[Path]:
    try:
        return [folder for folder in folders_in(directory) if folder.name not in service.collections]
    except OSError:  # of a folder that is being moved, or a disk that is gone for a while
        return []


def _opened(service: Service, folder: Path) -> Index:
    index = seismic.open(folder, verify=service.settings.verify)
    warm_up(index)
    index.warm_up(changes=True)
    return index
