"""What the routes share."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from seismic.updates import Writer
from server.changes import Committer
from server.collections import Collections
from server.pool import SearchPool, Threads
from server.reload import Keeper
from server.settings import Settings

CHANGE_THREADS = 4
"""Threads that write changes and take them in; those of one collection wait for each other."""


@dataclass(frozen=True, slots=True)
class Service:
    """Settings, collections and threads of one running service; by name, who keeps a collection up to date, and who
    changes it."""

    settings: Settings
    collections: Collections
    pool: SearchPool
    threads: Threads
    keepers: dict[str, Keeper]
    committers: dict[str, Committer]

    @classmethod
    def start(cls, settings: Settings) -> "Service":
        """Open all collections. Raises StorageError."""
        collections, threads = Collections.open(settings.directory, settings.verify), Threads(CHANGE_THREADS, "change")
        keepers, committers = {}, {}
        for collection in collections:
            name, folder = collection.index.name, collection.index.view.collection
            keepers[name] = Keeper(collection, settings, threads)
            committers[name] = Committer(partial(Writer, folder), keepers[name], threads, settings.queue)
        pool = SearchPool(settings.threads, settings.queue)
        return cls(settings, collections, pool, threads, keepers, committers)


async def _of_request(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_of_request)]
