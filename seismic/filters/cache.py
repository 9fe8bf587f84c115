"""A bounded memory of what filters came to."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Entry(NamedTuple):
    made: Any
    bytes: int


class Cache:
    """Keeps what was used last, up to so many bytes. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """What is kept under a key; if nothing is, what `make` makes, with its bytes. Two threads that need it at once
        may both make it."""
        with self._lock:
            entry = self._kept.get(key)  # hashing a filter takes a while
            if entry is not None:
                self._kept.move_to_end(key)
                found: T = entry.made
                return found
        made, size = make()
        with self._lock:
            entry = _Entry(made, size)
            if self._kept.setdefault(key, entry) is entry:
                self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1].bytes
        return made

    def __len__(self) -> int:
        return len(self._kept)
