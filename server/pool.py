"""The bounded pool of threads that searches run on, so that the event loop never blocks."""

import asyncio
import contextvars
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from seismic.errors import OverloadedError
from seismic.stop import Stop, under
from server.observe import tracing
from server.observe.metrics import Metrics

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Threads for what may block for long, apart from those that search."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, from a thread that logs with the caller's request id.

        The caller's deadline does not count: what is begun here is for others, too.
        """
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.wrap_future(self._executor.submit(contextvars.copy_context().run, _unstoppable, call))

    def shutdown(self) -> None:
        """Wait for the calls that run; those that wait are cancelled."""
        self._executor.shutdown(cancel_futures=True)


def _unstoppable(call: Callable[[], T]) -> T:
    with under(Stop()):
        return call()


class SearchPool:
    """`threads` calls run at once and `queue` more wait; beyond that `run` raises OverloadedError at once."""

    def __init__(self, threads: int, queue: int, metrics: Metrics) -> None:
        self._threads, self._capacity, self._metrics = threads, threads + queue, metrics
        self._taken, self._lock = 0, threading.Lock()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, from a thread that logs with the caller's request id."""
        return await asyncio.wrap_future(self._submit(functools.partial(function, *args, **kwargs)))

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        # Apart from `run`: a frame of it would keep the future whose error keeps the frame, and so all of the request.
        with self._lock:
            if self._taken == self._capacity:
                raise OverloadedError(f"{self._capacity} searches are running or waiting; try again shortly")
            self._taken += 1
        self._metrics.queued.inc()
        future = self._executor.submit(contextvars.copy_context().run, self._begin, call, time.perf_counter())
        # Not in a `finally` here: a cancelled request leaves its thread busy until the search ends.
        future.add_done_callback(self._end)
        return future

    def spare(self) -> int:
        """Threads that no search needs now, so that one that runs may use them, too."""
        return max(0, self._threads - self._taken)

    def _end(self, future: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1
        if future.cancelled():  # before it began
            self._metrics.queued.dec()

    def _begin(self, call: Callable[[], T], since: float) -> T:
        waited = time.perf_counter() - since
        self._metrics.queued.dec()
        self._metrics.waiting.observe(waited)
        tracing.current().passed("wait", waited)
        return call()

    def shutdown(self) -> None:
        """Wait for the calls that run; those that wait are cancelled."""
        self._executor.shutdown(cancel_futures=True)
