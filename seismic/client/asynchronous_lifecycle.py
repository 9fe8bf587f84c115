"""The methods of the asynchronous client for the life of collections."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, Unpack

import httpx2

from seismic.client import lifecycle
from seismic.client.calls import Call
from seismic.client.connections import PerProcess
from seismic.client.exports import arriving, check_status
from seismic.client.models import CollectionInfo, Generation, Job, NewCollection, Snapshot
from seismic.conversion.numbers import as_path

T = TypeVar("T")


class Lifecycle:
    """Create, drop, rename and alias collections; generations, snapshots and jobs."""

    _connections: PerProcess[httpx2.AsyncClient]

    async def _send(self, call: Call[T], upload: Callable[[], AsyncIterator[bytes]] | None = None) -> T:
        """Send a call, or an upload: a stream of bytes in place of its body."""
        raise NotImplementedError

    async def _retry(self, attempt: Callable[[], Awaitable[T]], repeatable: bool = True) -> T:
        raise NotImplementedError

    async def create(self, collection: str, **options: Unpack[NewCollection]) -> CollectionInfo:
        """Create an empty collection and return its description. Raises OutputExistsError if the name is in use."""
        return await self._send(lifecycle.create(collection, options))

    async def add_columns(self, collection: str, columns: Mapping[str, str]) -> CollectionInfo:
        """Add payload columns, or widen their types: column -> Arrow type. Documents have nulls in a new column."""
        return await self._send(lifecycle.add_columns(collection, columns))

    async def drop(self, collection: str) -> list[str]:
        """Remove a collection, and return its aliases, which are removed as well. Its snapshots stay."""
        return await self._send(lifecycle.drop(collection))

    async def rename(self, collection: str, to: str) -> CollectionInfo:
        """Rename a collection with its aliases and snapshots."""
        return await self._send(lifecycle.rename(collection, to))

    async def aliases(self) -> dict[str, str]:
        """Return all aliases: alias -> collection."""
        return await self._send(lifecycle.aliases())

    async def set_alias(self, alias: str, collection: str) -> None:
        """Let an alias name a collection from now on; a switch is atomic."""
        await self._send(lifecycle.set_alias(alias, collection))

    async def delete_alias(self, alias: str) -> None:
        """Remove an alias. Its collection stays."""
        await self._send(lifecycle.delete_alias(alias))

    async def generations(self, collection: str) -> list[Generation]:
        """Return the generations of a collection that are on disk, oldest first."""
        return await self._send(lifecycle.generations(collection))

    async def compact(self, collection: str, *, keep: int = 2) -> Job:
        """Start a job that merges all changes into a new generation. `keep`: generations that remain."""
        return await self._send(lifecycle.compact(collection, keep))

    async def rollback(self, collection: str, generation: str | None = None) -> Job:
        """Start a job that serves another generation, by default the previous one."""
        return await self._send(lifecycle.rollback(collection, generation))

    async def snapshot(self, collection: str, *, compress: bool = False) -> Job:
        """Start a job that writes a snapshot, whose `result` has its `file`."""
        return await self._send(lifecycle.snapshot(collection, compress))

    async def snapshots(self, collection: str) -> list[Snapshot]:
        """Return the snapshots of a collection that are on the service's disk, oldest first."""
        return await self._send(lifecycle.snapshots(collection))

    async def delete_snapshot(self, collection: str, file: str) -> None:
        """Delete a snapshot."""
        await self._send(lifecycle.delete_snapshot(collection, file))

    async def restore_stored(self, collection: str, file: str, *, of: str | None = None, replace: bool = False) -> Job:
        """Start a job that publishes a snapshot on the service's disk, of this collection or another one."""
        return await self._send(lifecycle.restore_stored(collection, file, of, replace))

    async def job(self, id: str) -> Job:
        """Return the state of a job. Raises NotFoundError if the service does not remember it."""
        return await self._send(lifecycle.job(id))

    async def jobs(self) -> list[Job]:
        """Return the jobs that the service remembers, newest first."""
        return await self._send(lifecycle.jobs())

    async def cancel(self, job: Job | str) -> Job:
        """Cancel a job that waits or runs, and return its state."""
        return await self._send(lifecycle.cancel(lifecycle.id_of(job)))

    async def download_snapshot(self, collection: str, file: str, to: str | Path) -> Path:
        """Write a snapshot to a new file and return its path. Raises OutputExistsError if it exists.

        A folder gets a file of the snapshot's name. A failed download leaves no file.
        """
        path, target = lifecycle.download_path(collection, file), lifecycle.new_file(to, file)
        return await self._download(path, target)

    async def _download(self, path: str, file: Path) -> Path:
        """Write the answer at a path of the service to a new file, and return the file."""

        async def attempt() -> None:
            with arriving(file) as sink:
                async with self._connections.get().stream("GET", path) as response:
                    if not response.is_success:
                        await response.aread()
                    check_status(response)
                    async for part in response.aiter_bytes():
                        sink.write(part)

        await self._retry(attempt)
        return file

    async def restore(self, collection: str, file: str | Path, *, replace: bool = False) -> Job:
        """Upload a snapshot and start a job that publishes it as a new generation of a new or existing collection.

        Raises OutputExistsError if the collection exists, unless `replace`: its changes are void then.
        """
        return await self._send(
            lifecycle.restore(collection, replace), lambda: _stream(lifecycle.chunks(as_path(file)))
        )

    async def wait(self, job: Job | str, timeout: float | None = None) -> Job:
        """Wait until a job is done and return it. Raises the error of a job that fails, and StoppedError if it is
        cancelled. `timeout` in seconds: raises DeadlineError, and the job continues."""
        began = time.monotonic()
        for pause in lifecycle.pauses():
            found = await self.job(lifecycle.id_of(job))
            if found.is_over:
                return lifecycle.finished(found)
            if timeout is not None and time.monotonic() - began >= timeout:
                raise lifecycle.unfinished(found, timeout)
            await asyncio.sleep(pause)
        raise AssertionError  # pauses never end


async def _stream(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts of a file, each read on a thread."""
    while part := await asyncio.to_thread(next, parts, b""):
        yield part
