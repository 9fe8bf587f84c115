"""Memory of requests: a lease for each, a budget for all together, and a watch over the whole process."""

import asyncio
import ctypes
import gc
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Self

import structlog

from seismic.errors import OverloadedError
from seismic_server.memory.left import memory_left, private_bytes
from seismic_server.shared import NoOthers, Others

WATCH_SECONDS = 0.1
"""Interval between two looks at the memory of the process."""

LEAST_LEFT = 0.1
"""Share of a memory limit that stays free: below it, requests are refused while others run."""

LARGE = 16 << 20
"""Bytes of a lease whose memory is returned to the operating system at its end."""

log = structlog.get_logger("server")


class MemoryBudget:
    """The memory that all requests in progress may use together. Safe to use from many threads.

    `total` in bytes; 0 follows the memory that is left: half of it may be leased. The requests of all server processes
    count, except for those that arrive in two of them within microseconds.
    """

    def __init__(self, total: int, others: Others | None = None) -> None:
        self._fixed, self._others = total > 0, others or NoOthers()
        self._lock = threading.Lock()
        self._short = False
        self.leases, self.used, self.total = 0, 0, total
        if not self._fixed:
            self.look()

    def lease(self) -> "Lease":
        """Return the lease of a request, which begins and ends with a block."""
        return Lease(self)

    def begin(self, count: int) -> None:
        """Begin a lease of `count` bytes without a block, for `end` to end. Raises OverloadedError like `take`."""
        self.take(count)
        self.leases += 1

    def take(self, count: int) -> None:
        """Lease `count` more bytes. Raises OverloadedError if they exceed the budget."""
        with self._lock:
            used = self.used + self._others.of_others("leased")
            if used + count > self.total:
                raise OverloadedError(
                    f"the requests in progress use {used} bytes of memory, expected at most {self.total} with "
                    f"{count} more (setting request_memory_bytes); retry shortly, or request less"
                )
            self._use(count)

    def _use(self, count: int) -> None:
        self.used += count
        self._others.publish("leased", self.used)

    def end(self, count: int) -> None:
        """End a lease of `count` bytes."""
        self.leases -= 1
        with self._lock:
            self._use(-count)
        if count >= LARGE:
            asyncio.get_running_loop().call_later(WATCH_SECONDS, _give_back)  # once the request is freed

    def check(self) -> None:
        """Raise OverloadedError if the process is short of memory, unless the request would be alone."""
        if self._short and self.leases:
            raise OverloadedError("the service is short of memory; retry shortly")

    def look(self) -> None:
        """Compare the memory of the processes with their limits."""
        left, limit = memory_left(self._others.of_others("private"))
        self._others.publish("private", private_bytes())
        short = left < LEAST_LEFT * limit
        if short and not self._short:
            log.warning("memory is short", left_bytes=left, limit_bytes=limit)
            gc.collect()
        self._short = short
        if not self._fixed:
            with self._lock:
                self.total = self.used + self._others.of_others("leased") + max(0, left) // 2

    async def watch(self) -> None:
        """Look at the memory of the process forever."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self.look()


class Lease:
    """The memory of one request, in bytes. It only grows; the end of its block frees it.

    `current` returns it inside the block.
    """

    __slots__ = ("_budget", "_token", "bytes")

    def __init__(self, budget: MemoryBudget | None) -> None:
        self._budget, self.bytes = budget, 0

    def __enter__(self) -> Self:
        if self._budget:
            self._budget.leases += 1
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)
        if self._budget:
            self._budget.end(self.bytes)

    def grow(self, count: int) -> None:
        """Add bytes. Raises OverloadedError if the requests in progress exceed the budget."""
        if self._budget:
            self._budget.take(count)
            self.bytes += count


_CURRENT: ContextVar[Lease] = ContextVar("lease", default=Lease(None))  # noqa: B039 (never changes)


def current() -> Lease:
    """Return the lease of this request. Outside of a request it has no budget."""
    return _CURRENT.get()


def _malloc_trim() -> Callable[[int], int]:
    trim: Callable[[int], int] = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)  # glibc only
    return trim


_TRIM = _malloc_trim()


def _give_back() -> None:
    """Return freed memory to the operating system, on a thread, because it may take long."""
    asyncio.get_running_loop().run_in_executor(None, _TRIM, 0)
