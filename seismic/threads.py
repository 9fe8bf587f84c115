"""Parallel execution on threads. Kernels release the GIL."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


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
