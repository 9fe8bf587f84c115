"""Parallel execution on threads, and objects that survive a fork. Kernels release the GIL."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar
from weakref import WeakSet

T = TypeVar("T")
R = TypeVar("R")


class ForkAware(Protocol):
    """An object whose locks, threads or connections a forked child cannot use."""

    def after_fork(self) -> None:
        """Replace them. Called in the child, which has only the forking thread."""


_FORK_AWARE: WeakSet[ForkAware] = WeakSet()


def reset_after_fork(owner: ForkAware) -> None:
    """Call `owner.after_fork()` in every child that this process forks from now on, as long as the owner lives.

    Another thread may hold a lock at the time of the fork; in the child nobody would release it.
    """
    _FORK_AWARE.add(owner)


def _after_fork() -> None:
    for owner in list(_FORK_AWARE):
        owner.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class ForkSafeLock:
    """A lock that is free in a forked child, whoever held it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Replace the lock."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def in_order(task: Callable[[T], R], items: Sequence[T], threads: int) -> Iterator[R]:
    """Run task(item) for each item on up to `threads` threads and yield the results in the order of items.

    At most 2 x `threads` results are pending, so memory is bounded.
    """
    if threads <= 1 or len(items) <= 1:
        yield from map(task, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        pending = [pool.submit(task, item) for item in items[: 2 * threads]]
        for upcoming in range(2 * threads, len(items) + 2 * threads):
            if not pending:
                return
            yield pending.pop(0).result()
            if upcoming < len(items):
                pending.append(pool.submit(task, items[upcoming]))


def even_ranges(count: int, parts: int) -> list[tuple[int, int]]:
    """Split 0 .. count - 1 into up to `parts` ranges (first, last + 1) of nearly equal length."""
    parts = max(1, min(parts, count))
    return [(count * part // parts, count * (part + 1) // parts) for part in range(parts)]
