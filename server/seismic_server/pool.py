"""Threads for everything that would block the event loop: the bounded search pool, and threads for slow work."""

import asyncio
import contextvars
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar

from seismic.errors import OverloadedError
from seismic.stop import Stop, stoppable_by
from seismic_server.observe import tracing
from seismic_server.observe.metrics import Metrics

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Threads for calls that may block for long, separate from the search pool."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` on a thread, in the caller's context, and return or raise its outcome.

        The caller's deadline does not apply, because others may need the outcome as well.
        """
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.wrap_future(self._executor.submit(contextvars.copy_context().run, _unstoppable, call))

    def shutdown(self) -> None:
        """Wait for running calls and cancel queued ones."""
        self._executor.shutdown(cancel_futures=True)


def _unstoppable(call: Callable[[], T]) -> T:
    with stoppable_by(Stop()):
        return call()


class _Call(NamedTuple):
    """A queued call: the function, its context, when it was queued, and the future of its outcome."""

    function: Callable[[], Any]
    context: contextvars.Context
    since: float
    answer: asyncio.Future[Any]


class SearchPool:
    """A pool that runs `threads` calls at once and queues `queue` more; beyond that `run` raises OverloadedError.

    It replaces ThreadPoolExecutor, whose future, next to asyncio's, makes handing a call over a third slower. Only
    `_work` and `_begin` run on the pool's threads; everything else belongs to the event loop.
    """

    def __init__(self, threads: int, queue: int, metrics: Metrics) -> None:
        self._capacity, self._metrics = threads + queue, metrics
        self._taken = 0
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"search_{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` on a thread, in the caller's context, and return or raise its outcome."""
        return await self._submit(functools.partial(function, *args, **kwargs))

    def _submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        # Not a part of `run`, whose frame would form a cycle with the future's error and keep the whole request alive.
        if self.full:
            raise self.overloaded()
        self._taken += 1
        self._metrics.queued.inc()
        answer = asyncio.get_running_loop().create_future()
        self._waiting.put(_Call(function, contextvars.copy_context(), time.perf_counter(), answer))
        return answer

    @property
    def full(self) -> bool:
        """Whether a call would be refused."""
        return self._taken == self._capacity

    def overloaded(self) -> OverloadedError:
        """Return the error of a refused call."""
        return OverloadedError(f"{self._capacity} searches are running or waiting; try again shortly")

    def spare(self) -> int:
        """Return the number of idle threads, which a running search may use."""
        return max(0, len(self._threads) - self._taken)

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            function, context, since, answer = call
            loop = answer.get_loop()
            try:
                result = context.run(self._begin, function, since)
            except BaseException as error:
                loop.call_soon_threadsafe(self._end, answer, answer.set_exception, error)
            else:
                loop.call_soon_threadsafe(self._end, answer, answer.set_result, result)
            del call, function, context, answer  # keep nothing alive while waiting for the next call

    def _begin(self, function: Callable[[], T], since: float) -> T:
        waited = time.perf_counter() - since
        self._metrics.queued.dec()
        self._metrics.waiting.observe(waited)
        tracing.current().passed("wait", waited)
        return function()

    def _end(self, answer: asyncio.Future[T], resolve: Callable[[Any], None], outcome: Any) -> None:
        self._taken -= 1  # only now: a cancelled request leaves its thread busy until the search ends
        if not answer.cancelled():
            resolve(outcome)

    def shutdown(self) -> None:
        """Wait for running calls and cancel queued ones."""
        with suppress(Empty):
            while call := self._waiting.get_nowait():
                call.answer.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
