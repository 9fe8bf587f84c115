"""Numbers that the server processes of one service share in memory, so that limits count all of them together."""

import fcntl
import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Literal, Protocol, TypeAlias

Column: TypeAlias = Literal["leased", "private", "connections"]
"""Bytes leased by requests, private bytes of the process, open connections (-1: the process does not accept any)."""

COLUMNS: tuple[Column, ...] = ("leased", "private", "connections")

SETS, WAYS = 4096, 4
"""Buckets of callers: a caller has a place in one of the sets. In a full one, the least recently used is dropped."""

_WORD = 8
_BUCKET = 3 * _WORD
"""A bucket: hash of the caller, tokens, and when they were counted (`time.monotonic`, the same in all processes)."""


class Others(Protocol):
    """What a server process publishes and knows of the others."""

    def publish(self, column: Column, value: int) -> None:
        """Set a number of this process."""

    def of_others(self, column: Column) -> int:
        """Return the sum of a number over the other processes."""


class NoOthers:
    """The only server process of its service."""

    def publish(self, column: Column, value: int) -> None:
        """Do nothing: nobody else reads it."""

    def of_others(self, column: Column) -> int:  # noqa: ARG002
        """Return 0."""
        return 0


class Shared:
    """A row of numbers for each process, which only that process writes, and token buckets that all of them fill.

    Numbers are words that the processor writes at once, so they need no lock. A bucket is locked for the time of its
    change; the kernel releases the lock of a process that dies.
    """

    def __init__(self, descriptor: int, processes: int, own: int | None) -> None:
        """`own`: number of this process; None: the supervisor."""
        self.descriptor, self._processes, self._own = descriptor, processes, own
        self._memory = mmap.mmap(descriptor, _size(processes))
        self._words = memoryview(self._memory).cast("q")
        self._floats = memoryview(self._memory).cast("d")

    def publish(self, column: Column, value: int) -> None:
        """Set a number of this process."""
        assert self._own is not None
        self._words[self._at(self._own, column)] = value

    def of_others(self, column: Column) -> int:
        """Return the sum of a number over the other processes."""
        return sum(self.others(column))

    def others(self, column: Column) -> list[int]:
        """Return a number of each other process."""
        return [self._words[self._at(row, column)] for row in range(self._processes) if row != self._own]

    def clear(self, process: int) -> None:
        """Forget the numbers of a process that has ended, or not begun."""
        for column in COLUMNS:
            self._words[self._at(process, column)] = -1 if column == "connections" else 0

    def _at(self, process: int, column: Column) -> int:
        return process * len(COLUMNS) + COLUMNS.index(column)

    def take(self, caller: str, per_second: float, burst: int) -> float:
        """Take a token of a caller's bucket and return 0, or return the seconds until there is one."""
        mark = int.from_bytes(blake2b(caller.encode(), digest_size=8).digest(), "little", signed=True) or 1
        first = self._processes * len(COLUMNS) + (mark % SETS) * WAYS * 3
        with self._locked(first):
            now = time.monotonic()
            places = range(first, first + WAYS * 3, 3)
            at = next((place for place in places if self._words[place] == mark), None)
            if at is None:
                at = min(places, key=lambda place: self._floats[place + 2])
                self._words[at], self._floats[at + 1], self._floats[at + 2] = mark, float(burst), now
            tokens = min(burst, self._floats[at + 1] + (now - self._floats[at + 2]) * per_second)
            allowed = tokens >= 1
            self._floats[at + 1], self._floats[at + 2] = tokens - allowed, now
        return 0.0 if allowed else (1 - tokens) / per_second

    @contextmanager
    def _locked(self, first: int) -> Iterator[None]:
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX, WAYS * _BUCKET, first * _WORD)
        try:
            yield
        finally:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, WAYS * _BUCKET, first * _WORD)


def create(processes: int) -> Shared:
    """Create the memory of a service, for its supervisor. Its descriptor can be inherited."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("seismic", 0)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _size(processes))
    os.set_inheritable(descriptor, True)
    shared = Shared(descriptor, processes, None)
    for process in range(processes):
        shared.clear(process)
    return shared


def _size(processes: int) -> int:
    return processes * len(COLUMNS) * _WORD + SETS * WAYS * _BUCKET
