"""Running kernels side by side: they release the GIL, so plain threads will do."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(task: Callable[[T], R], items: Sequence[T], threads: int) -> Iterator[R]:
    """task(item) for each item, on up to `threads` threads; results in the order of items.

    No more than a few results wait for their turn, so memory stays bounded.
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
    """0 .. count - 1 in up to `parts` ranges of equal length."""
    parts = max(1, min(parts, count))
    return [(count * part // parts, count * (part + 1) // parts) for part in range(parts)]
