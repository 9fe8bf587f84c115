"""Stop searches early: at a deadline, or on request of another thread."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from seismic.errors import DeadlineError, SeismicError, StoppedError
from seismic.threads import reset_after_fork


class Stop:
    """Stops the searches inside `stoppable_by` within about a millisecond. Safe to use from many threads.

    ``flag`` uint8 [1]: 1 once searches should stop; kernels poll it. ``limit``, if any, is called with the bytes of
    values before they are copied into an answer, and raises to refuse them.
    """

    __slots__ = ("__weakref__", "_milliseconds", "_reason", "deadline", "flag", "limit")

    def __init__(self) -> None:
        self.flag = np.zeros(1, np.uint8)
        self.deadline = math.inf
        self._milliseconds = 0.0
        self._reason: Callable[[], SeismicError] | None = None
        self.limit: Callable[[int], None] | None = None

    def set(self, reason: Callable[[], SeismicError] | None = None) -> None:
        """Stop the searches now; they raise what the first `reason` returns, by default StoppedError."""
        self._reason = self._reason or reason
        self.flag[0] = 1

    def after(self, milliseconds: float, since: float | None = None) -> None:
        """Stop the searches `milliseconds` after `since` (`time.monotonic`; None: now); they raise DeadlineError.

        An earlier deadline stays in force.
        """
        deadline = (time.monotonic() if since is None else since) + milliseconds / 1000
        if deadline < self.deadline:
            self.deadline, self._milliseconds = deadline, milliseconds
            _WATCH.add(self)

    def restart(self, milliseconds: float) -> None:
        """Begin again after `close`, with a deadline `milliseconds` from now."""
        self.flag[0], self.deadline, self._reason, self.limit = 0, math.inf, None, None
        self.after(milliseconds)

    def check(self) -> None:
        """Raise DeadlineError, StoppedError or the reason given to `set` if the searches should stop."""
        if time.monotonic() >= self.deadline:
            raise DeadlineError(
                f"not done within the deadline of {self._milliseconds:g} ms; request less, or raise timeout_ms"
            )
        if self.flag[0]:
            if self._reason is not None:
                raise self._reason()
            raise StoppedError("the search was stopped by its caller")

    def check_bytes(self, count: int) -> None:
        """Raise what `limit` raises if an answer may not hold values of `count` more bytes."""
        if self.limit is not None:
            self.limit(count)

    def close(self) -> None:
        """Cancel the deadline."""
        _WATCH.remove(self)


_NEVER = Stop()
_CURRENT: ContextVar[Stop] = ContextVar("stop", default=_NEVER)


def current() -> Stop:
    """Return the Stop of this thread's searches. The default one is never set."""
    return _CURRENT.get()


class stoppable_by:  # noqa: N801 (a context manager; as a class it is faster than a generator)
    """Let `stop` stop this thread's searches inside the block."""

    __slots__ = ("_stop", "_token")

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._stop)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


@contextmanager
def time_limit(milliseconds: float | None) -> Iterator[None]:
    """Limit the searches inside the block to `milliseconds` in total. An enclosing block's earlier deadline holds."""
    if milliseconds is None:
        yield
        return
    outer = current()
    stop = Stop() if outer is _NEVER else outer
    stop.after(milliseconds)
    try:
        with stoppable_by(stop):
            yield
    finally:
        if stop is not outer:
            stop.close()


class _Watch:
    """A thread that sets the flag of every Stop whose deadline passes. The first deadline starts it."""

    def __init__(self) -> None:
        self._waiting: dict[Stop, None] = {}
        self._start_anew()
        reset_after_fork(self)

    def _start_anew(self) -> None:
        self._changed = threading.Condition()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    def after_fork(self) -> None:
        """Watch the deadline of the forking thread only; the other threads and their searches are gone."""
        self._start_anew()
        stop = current()
        watched = stop in self._waiting
        self._waiting = {}
        if watched:
            self.add(stop)

    def add(self, stop: Stop) -> None:
        with self._changed:
            self._waiting[stop] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            if stop.deadline < self._wakes:  # rare if timeouts are equal
                self._changed.notify()

    def remove(self, stop: Stop) -> None:
        with self._changed:
            self._waiting.pop(stop, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for stop in [one for one in self._waiting if one.deadline <= now]:
                    stop.set()
                    del self._waiting[stop]
                self._wakes = min((one.deadline for one in self._waiting), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else max(0.0, self._wakes - now))


_WATCH = _Watch()
