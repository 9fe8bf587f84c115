"""Connection pools that forked processes do not share."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from seismic.threads import reset_after_fork

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that every process makes for itself. Two processes on one connection would read each other's answers."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._value: T | None = None
        self._inherited: list[T] = []
        self._lock = threading.Lock()
        reset_after_fork(self)

    def get(self) -> T:
        """Return the value of this process."""
        value = self._value
        if value is None:
            with self._lock:
                value = self._value
                if value is None:
                    value = self._value = self._make()
        return value

    def after_fork(self) -> None:
        """Forget the parent's value, without closing what it still uses."""
        if self._value is not None:
            self._inherited.append(self._value)
        self._value, self._lock = None, threading.Lock()
