"""The life of collections while they are served: create, drop, rename, alias, roll back, save and restore.

The engine changes the served folder; all server processes of the service take the change up before it is answered.
Other services of the folder notice it within a second or two (`discovery`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import seismic
from seismic import IndexNotFoundError, OutputExistsError, ParameterError
from seismic.errors import ConflictError, NotFoundError
from seismic.maintenance.lifecycle import check_name
from seismic.store.archive import check_archive
from seismic_server.collections.folders import collection_folders, may_be_collection
from seismic_server.collections.served import Collection
from seismic_server.jobs.job import Job
from seismic_server.jobs.tasks import Task
from seismic_server.service import Service


async def create(service: Service, name: str, **options: Any) -> Collection:
    """Create an empty collection and serve it."""
    async with _changing(service):
        folder = _free(service, name)
        await service.threads.run(seismic.create, folder, **options)
        return await service.open(name, folder)


async def drop(service: Service, name: str) -> list[str]:
    """Remove a collection, and return its aliases, which are removed as well. Running searches still answer."""
    async with _changing(service):
        folder = _own_folder(service, name)
        await _without_writers(service, name, folder, lambda: seismic.drop(folder))
        aliases = service.collections.aliases
        service.set_aliases({alias: of for alias, of in aliases.items() if of != name})
        service.forget(name)
        service.collections.forget(name)
    return [alias for alias, of in aliases.items() if of == name]


async def rename(service: Service, old: str, new: str) -> Collection:
    """Rename a collection with its aliases and snapshots."""
    async with _changing(service):
        folder = _own_folder(service, old)
        _free(service, new)
        root = service.settings.directory
        await _without_writers(service, old, folder, lambda: seismic.rename(root, old, new))
        aliases = {alias: new if of == old else of for alias, of in service.collections.aliases.items()}
        try:
            collection = await service.open(new, folder.with_name(new))
        except Exception as error:
            service.collections.set_unavailable(new, error)
            raise
        finally:
            service.set_aliases(aliases)
            service.forget(old)
            service.collections.forget(old)
        await service.threads.run(service.snapshots.move, old, new)
    return collection


async def set_alias(service: Service, alias: str, name: str) -> str | None:
    """Let an alias name a collection from now on, and return the collection that it named before, if any."""
    async with _changing(service):
        before = service.collections.aliases.get(alias)
        if before is None:
            _free(service, alias)
        folder = _own_folder(service, name)
        if service.collections.get(name) is None:  # made by another process just now
            await service.open(name, folder)
        await service.threads.run(seismic.alias, service.settings.directory, alias, name)
        service.set_aliases({**service.collections.aliases, alias: name})
    return before


async def delete_alias(service: Service, alias: str) -> str:
    """Remove an alias, and return the collection that it named."""
    async with _changing(service):
        aliases = dict(service.collections.aliases)
        if alias not in aliases:
            raise NotFoundError(f"found no alias '{alias}'; GET /v1/aliases lists all")
        name = aliases.pop(alias)
        with suppress(IndexNotFoundError):  # another process was faster
            await service.threads.run(seismic.unalias, service.settings.directory, alias)
        service.set_aliases(aliases)
    return name


async def rollback(service: Service, collection: Collection, generation: str) -> Job:
    """Start a job that serves another generation of a collection."""
    return await service.jobs.start(
        Task("rollback", collection.name, str(collection.folder), {"generation": generation})
    )


async def snapshot(service: Service, collection: Collection, *, compress: bool) -> Job:
    """Return the job that writes a snapshot of a collection: the one that waits, or a new one."""
    file = await service.threads.run(service.snapshots.new, collection.name)
    options = {"compress": compress}
    return await service.jobs.start(Task("snapshot", collection.name, str(collection.folder), options, str(file)))


async def check_restore(service: Service, name: str, *, replace: bool) -> None:
    """Raise the error of a restore that cannot work, before its snapshot is read."""
    exists = service.collections.get(name) is not None or name in service.collections.unavailable
    if not (replace and exists):
        async with service.entries:
            _free(service, name)


async def restore(service: Service, name: str, file: Path, *, replace: bool, uploaded: bool) -> Job:
    """Start a job that publishes a snapshot as a collection. An `uploaded` file is removed at the end.

    Raises CorruptIndexError or FormatError if the file is no snapshot.
    """
    directory = service.settings.directory
    folder = collection_folders(directory).get(name, directory.resolve() / name)
    try:
        await service.threads.run(check_archive, file)
    except (seismic.CorruptIndexError, seismic.FormatError) as error:
        raise seismic.InputError(str(error).replace(str(file), "the body" if uploaded else file.name)) from None

    options = {"replace": replace}
    return await service.jobs.start(Task("restore", name, str(folder), options, str(file), uploaded))


@asynccontextmanager
async def _changing(service: Service) -> AsyncIterator[None]:
    """Hold the right to change entries of the served folder, and let the other processes look at them at the end."""
    async with service.peers.exclusive():
        try:
            async with service.entries:
                yield
        finally:
            await service.peers.everywhere("look")


async def _without_writers(service: Service, name: str, folder: Path, change: Callable[[], Any]) -> None:
    """Run a change of a collection's folder after its writers have ended. If it fails, they may write again."""
    await service.peers.everywhere("leave", name=name)
    await service.leave(name)
    await service.jobs.cancel_all(str(folder))
    try:
        await service.threads.run(change)
    except BaseException:
        service.stay(name)
        raise


def _check_folder(service: Service) -> None:
    if may_be_collection(service.settings.directory):
        raise ConflictError("the service serves one collection, expected a folder of collections; serve its parent")


def _free(service: Service, name: str) -> Path:
    """Return the folder of a collection or alias that does not exist. Raises ParameterError or OutputExistsError."""
    check_name(name, "name")
    _check_folder(service)
    folder = service.settings.directory.resolve() / name
    if name in service.collections.aliases:
        raise OutputExistsError(f"'{name}' is an alias of '{service.collections.aliases[name]}'; choose another name")
    if may_be_collection(folder):
        raise OutputExistsError(f"collection '{name}' exists; choose another name, or drop it first")
    if folder.is_symlink() or folder.exists():
        raise OutputExistsError(f"'{name}' is in use in the served folder; choose another name")
    return folder


def _own_folder(service: Service, name: str) -> Path:
    """Return the folder of a collection that is in the served folder itself.

    Raises IndexNotFoundError, or ConflictError if `name` is only a link to it.
    """
    _check_folder(service)
    folder = service.settings.directory.resolve() / name
    if of := service.collections.aliases.get(name):
        raise ConflictError(
            f"'{name}' is an alias of '{of}', expected a collection; DELETE /v1/aliases/{name} removes it"
        )
    if not is_name(name) or not may_be_collection(folder):
        raise IndexNotFoundError(f"found no collection '{name}'; GET /v1/collections lists those served")
    if folder.is_symlink():
        raise ConflictError(f"'{name}' links to a folder outside of the served one; change it there")
    return folder


def is_name(name: str) -> bool:
    """Return whether a collection can have this name."""
    try:
        check_name(name, "name")
    except ParameterError:
        return False
    return True
