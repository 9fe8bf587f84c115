"""Group commit of changes: requests that wait at the same time are written, synced and served together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from seismic import SeismicError, StorageError
from seismic.edits.editor import Committed, Edit, Editor
from seismic.errors import NotReadyError, OverloadedError
from seismic_server.collections.refresher import Refresher
from seismic_server.pool import Threads

Show: TypeAlias = Callable[[], Awaitable[object]]
Answers: TypeAlias = list[tuple[asyncio.Future[Committed], Committed | Exception]]


SHOW_SECONDS = 1.0
"""Longest wait for the other server processes to serve a change that is durable."""


class Committer:
    """The writer of one collection in this process; others may write to it as well.

    A request is answered once its changes are durable and, unless the collection has a problem, visible to searches in
    every server process.
    """

    def __init__(
        self, editor: Callable[[], Editor], refresher: Refresher, threads: Threads, queue: int, show: Show | None = None
    ) -> None:
        """`show`: makes changes visible in the other processes; None: there are none."""
        self._make_editor, self._refresher, self._threads, self._queue = editor, refresher, threads, queue
        self._show, self._showing = show, set[asyncio.Task[None]]()
        self._editor: Editor | None = None
        self._waiting: list[tuple[Edit, asyncio.Future[Committed]]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def close(self) -> None:
        """Refuse further changes, and wait until those that were accepted are written."""
        self._closed = True
        if self._task:
            await asyncio.wait([self._task])

    async def commit(self, edit: Edit) -> Committed:
        """Commit all changes of a request, or none.

        Raises InputError, ConflictError, OverloadedError, StorageError, or NotReadyError if the collection is dropped
        or renamed.
        """
        if self._closed:
            raise NotReadyError("the collection is being dropped or renamed; retry shortly")
        if len(self._waiting) >= self._queue:
            raise OverloadedError(f"{len(self._waiting)} changes are waiting; try again shortly")
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._waiting.append((edit, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            results: Sequence[Committed | Exception]
            try:
                results = await self._threads.run(self._write, [edit for edit, _ in batch])
            except Exception as error:  # nothing of the batch was written
                results = [error] * len(batch)
            answers = [(future, result) for (_, future), result in zip(batch, results, strict=True)]
            if self._show and any(isinstance(result, Committed) for result in results):
                showing = asyncio.create_task(self._show_and_answer(self._show, answers))  # while the next are written
                self._showing.add(showing)
                showing.add_done_callback(self._showing.discard)
            else:
                _answer(answers)

    async def _show_and_answer(self, show: Show, answers: Answers) -> None:
        try:
            with suppress(StorageError):  # the service ends, and the changes are durable
                await show()
        finally:
            _answer(answers)

    def _write(self, edits: list[Edit]) -> list[Committed | SeismicError]:
        """Write one record with the changes of all valid requests, and return the outcome of each request."""
        self._editor = self._editor or self._make_editor()
        outcomes = self._editor.commit(edits)
        if any(isinstance(outcome, Committed) for outcome in outcomes):
            self._refresher.refresh()
        return outcomes


def _answer(answers: Answers) -> None:
    for future, result in answers:
        if future.done():  # its client disconnected
            continue
        if isinstance(result, Committed):
            future.set_result(result)
        else:
            future.set_exception(result)
