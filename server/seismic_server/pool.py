"""The bounded pool of threads that searches run on, so that the event loop never blocks."""

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
    with stoppable_by(Stop()):
        return call()


class _Call(NamedTuple):
    """What a thread is to do, in which context, since when it waits, and who waits for it."""

    function: Callable[[], Any]
    context: contextvars.Context
    since: float
    answer: asyncio.Future[Any]


class SearchPool:
    """`threads` calls run at once and `queue` more wait; beyond that `run` raises OverloadedError at once.

    An executor would do, but its future and asyncio's together take 33 us for 23 to hand a call over and its result
    back, some of it while the thread that was woken waits for the interpreter. All but `_work` is for the event loop.
    """

    def __init__(self, threads: int, queue: int, metrics: Metrics) -> None:
        self._capacity, self._metrics = threads + queue, metrics
        self._taken = 0
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"search_{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Begin to answer calls."""
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, from a thread that logs with the caller's request id."""
        return await self._submit(functools.partial(function, *args, **kwargs))

    def _submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        # Apart from `run`: a frame of it would keep the future whose error keeps the frame, and so all of the request.
        if self.full:
            raise self.overloaded()
        self._taken += 1
        self._metrics.queued.inc()
        answer = asyncio.get_running_loop().create_future()
        self._waiting.put(_Call(function, contextvars.copy_context(), time.perf_counter(), answer))
        return answer

    @property
    def full(self) -> bool:
        """Whether a call would be refused now."""
        return self._taken == self._capacity

    def overloaded(self) -> OverloadedError:
        """What a call is refused with."""
        return OverloadedError(f"{self._capacity} searches are running or waiting; try again shortly")

    def spare(self) -> int:
        """Threads that no search needs now, so that one that runs may use them, too."""
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
            del call, function, context, answer  # nothing is kept while the next one is awaited

    def _begin(self, function: Callable[[], T], since: float) -> T:
        waited = time.perf_counter() - since
        self._metrics.queued.dec()
        self._metrics.waiting.observe(waited)
        tracing.current().passed("wait", waited)
        return function()

    def _end(self, answer: asyncio.Future[T], tell: Callable[[Any], None], outcome: Any) -> None:
        self._taken -= 1  # not before: a cancelled request leaves its thread busy until the search ends
        if not answer.cancelled():
            tell(outcome)

    def shutdown(self) -> None:
        """Wait for the calls that run; those that wait are cancelled."""
        with suppress(Empty):
            while call := self._waiting.get_nowait():
                call.answer.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
