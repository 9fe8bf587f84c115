"""Group commit of changes: requests that wait at the same time are written, synced and served together."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from seismic import SeismicError
from seismic.changes.records import Change, Rules, following
from seismic.changes.updates import Writer
from seismic.errors import NotReadyError, OverloadedError
from seismic_server.collections.refresher import Refresher
from seismic_server.pool import Threads

Check: TypeAlias = Callable[[Rules], list[Change]]
"""Returns the changes of one request; raises InputError if one breaks the collection's rules."""


class Committed(NamedTuple):
    """The generation and sequence number under which a request's changes are durable."""

    generation: str
    sequence: int


class Committer:
    """The writer of one collection.

    A request is answered once its changes are durable and, unless the collection has a problem, visible to searches.
    """

    def __init__(self, writer: Callable[[], Writer], refresher: Refresher, threads: Threads, queue: int) -> None:
        self._make_writer, self._refresher, self._threads, self._queue = writer, refresher, threads, queue
        self._writer: Writer | None = None
        self._waiting: list[tuple[Check, asyncio.Future[Committed]]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def close(self) -> None:
        """Refuse further changes, and wait until those that were accepted are written."""
        self._closed = True
        if self._task:
            await asyncio.wait([self._task])

    async def commit(self, check: Check) -> Committed:
        """Commit all changes of a request, or none.

        Raises InputError, OverloadedError, StorageError, or NotReadyError if the collection is dropped or renamed.
        """
        if self._closed:
            raise NotReadyError("the collection is being dropped or renamed; retry shortly")
        if len(self._waiting) >= self._queue:
            raise OverloadedError(f"{len(self._waiting)} changes are waiting; try again shortly")
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._waiting.append((check, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await self._threads.run(self._write, [check for check, _ in batch])
            except Exception as error:  # nothing of the batch was written
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # its client disconnected
                    continue
                if isinstance(result, Committed):
                    future.set_result(result)
                else:
                    future.set_exception(result)

    def _write(self, checks: list[Check]) -> list[Committed | Exception]:
        """Write one record with the changes of all valid requests, and return the outcome of each request."""
        self._writer = self._writer or self._make_writer()
        wrong: dict[int, Exception] = {}

        def check_all(rules: Rules) -> list[Change]:
            wrong.clear()
            changes: list[Change] = []
            for number, check in enumerate(checks):
                try:
                    made = check(rules)
                    rules = following(rules, made)
                    changes += made
                except SeismicError as error:
                    wrong[number] = error
            return changes

        sequence = self._writer.append(check_all)
        if len(wrong) < len(checks):
            self._refresher.refresh()
        committed = Committed(self._writer.generation, sequence)
        return [wrong.get(number, committed) for number in range(len(checks))]
