"""A bounded cache of filter results."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

from seismic.threads import reset_after_fork

T = TypeVar("T")


class _Entry(NamedTuple):
    value: Any
    bytes: int


class Cache:
    """A least-recently-used cache of up to `capacity` bytes. Safe to use from many threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._bytes = capacity, 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Start empty if another thread was changing the entries."""
        if not self._lock.acquire(blocking=False):
            self._entries, self._bytes = OrderedDict(), 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """Return the cached value of `key`; if there is none, cache the (value, bytes) that `make` returns.

        Two threads that miss at the same time may both call `make`.
        """
        with self._lock:
            entry = self._entries.get(key)  # once only: hashing a large filter is slow
            if entry is not None:
                self._entries.move_to_end(key)
                cached: T = entry.value
                return cached
        value, size = make()
        with self._lock:
            entry = _Entry(value, size)
            if self._entries.setdefault(key, entry) is entry:
                self._bytes += size
            while self._bytes > self._capacity:
                self._bytes -= self._entries.popitem(last=False)[1].bytes
        return value

    def __len__(self) -> int:
        return len(self._entries)
