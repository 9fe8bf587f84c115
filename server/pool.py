"""The bounded pool of threads that searches run on, so that the event loop never blocks."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from seismic.errors import OverloadedError

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Threads for what may block for long, apart from those that search."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, from a thread that logs with the caller's request id."""
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.wrap_future(self._executor.submit(contextvars.copy_context().run, call))

    def shutdown(self) -> None:
        """Wait for the calls that run; those that wait are cancelled."""
        self._executor.shutdown(cancel_futures=True)


class SearchPool:
    """`threads` calls run at once and `queue` more wait; beyond that `run` raises OverloadedError at once."""

    def __init__(self, threads: int, queue: int) -> None:
        self._capacity = threads + queue
        self._slots = threading.BoundedSemaphore(self._capacity)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, from a thread that logs with the caller's request id."""
        if not self._slots.acquire(blocking=False):
            raise OverloadedError(f"{self._capacity} searches are running or waiting; try again shortly")
        call = functools.partial(function, *args, **kwargs)
        future: Future[T] = self._executor.submit(contextvars.copy_context().run, call)
        # Not in a `finally` here: a cancelled request leaves its thread busy until the search ends.
        future.add_done_callback(lambda _: self._slots.release())
        return await asyncio.wrap_future(future)

    def shutdown(self) -> None:
        """Wait for the calls that run; those that wait are cancelled."""
        self._executor.shutdown(cancel_futures=True)
