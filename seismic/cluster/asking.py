"""Requests to several parts in progress, each at one of its replicas, or at several.

A request that is not answered within the hedge delay goes to a second replica as well; the first answer counts, and the
other connection is closed, which stops that search. A replica that fails is replaced by the next one.
"""

import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from seismic.cluster.connection import Connection
from seismic.cluster.errors import BehindError, PartUnavailableError, RefusedError, from_head
from seismic.cluster.replicas import Replica
from seismic.cluster.spec import PartSpec
from seismic.cluster.wire import Message, encode
from seismic.errors import SeismicError, ServiceError, StoppedError, StorageError
from seismic.stop import Stop

log = logging.getLogger("seismic.cluster")

WAIT_SECONDS = 0.05
"""Interval between two looks whether the caller gave up."""


class Patience(NamedTuple):
    """How long to wait for replicas: seconds until a second one is asked, and until a part counts as unavailable."""

    hedge: float = 0.05
    timeout: float = 30.0


class _Attempt:
    """One replica that was asked for a part. ``connection`` is None while it is opened by a thread, ``unsent`` what its
    socket has not taken of the request yet."""

    __slots__ = ("connection", "number", "over", "replica", "reused", "unsent")

    def __init__(self, replica: Replica, number: int) -> None:
        self.replica, self.number, self.connection = replica, number, replica.take()
        self.reused, self.over, self.unsent = self.connection is not None, False, memoryview(b"")
        replica.running += 1
        replica.requests += 1

    def end(self, *, keep: bool = False) -> None:
        """Finish the attempt, and keep its connection for others, or close it, which stops the search."""
        if self.over:
            return
        self.over = True
        self.replica.running -= 1
        if self.connection is not None:
            if keep:
                self.replica.give_back(self.connection)
            else:
                self.connection.close()


class Call:
    """A request to a part, and the attempts to have it answered."""

    __slots__ = ("asked", "at", "attempts", "hedge_at", "message", "problems", "spec", "waiting")

    def __init__(self, at: int, spec: PartSpec, message: Message, replicas: list[Replica]) -> None:
        """`message`: what to ask of the part `spec`, the part `at` of the cluster."""
        self.at, self.spec, self.message = at, spec, message
        self.waiting = deque(replicas)
        self.attempts: list[_Attempt] = []
        self.problems: list[tuple[Replica, Exception]] = []
        self.hedge_at, self.asked = 0.0, 0


class Asking:
    """Requests to several parts, in progress."""

    def __init__(self, stop: Stop, patience: Patience) -> None:
        self._stop, self._patience = stop, patience
        self._until = time.monotonic() + patience.timeout
        self._calls: list[Call] = []
        self._poll = select.poll()
        self._reading: dict[int, tuple[Call, _Attempt]] = {}
        self._opened: deque[tuple[Call, _Attempt, Connection | Exception]] = deque()
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._closed, self._lock = False, threading.Lock()
        self._found: dict[int, Message] = {}

    def add(self, call: Call) -> None:
        """Ask the first replica of a part."""
        self._calls.append(call)
        self._next(call)

    def answers(self, *, partial: bool) -> dict[int, Message]:
        """Wait for the answers of all parts."""
        while pending := [call for call in self._calls if call.at not in self._found and call.attempts]:
            self._wait(pending)
            self._check(partial=partial)
        self._check(partial=partial)
        return self._found

    def _check(self, *, partial: bool) -> None:
        """Raise PartUnavailableError if nobody answers for a part."""
        for call in self._calls if not partial else ():
            if call.at not in self._found and not call.attempts:
                raise _unavailable(call)

    def close(self) -> None:
        """End all attempts that are in progress."""
        with self._lock:
            self._closed = True
            opened = list(self._opened)
        for _, attempt, result in opened:
            if isinstance(result, Connection):
                attempt.replica.give_back(result)
        for call in self._calls:
            for attempt in call.attempts:
                attempt.end()
        if self._wake is not None:
            for end in self._wake:
                end.close()

    def _wait(self, pending: Sequence[Call]) -> None:
        """Wait for bytes, and for the time to ask another replica."""
        now, wake_at = time.monotonic(), min(self._stop.deadline, self._until)
        for call in pending:
            if call.waiting and len(call.attempts) == 1:
                wake_at = min(wake_at, call.hedge_at)
        seconds = max(0.0, min(WAIT_SECONDS, wake_at - now))
        for descriptor, events in self._poll.poll(1000 * seconds + 0.5):
            if descriptor in self._reading:
                call, attempt = self._reading[descriptor]
                if events & ~select.POLLOUT:
                    self._read(call, attempt)
                else:
                    self._write(call, attempt)
            elif self._wake is not None and descriptor == self._wake[0].fileno():
                self._wake[0].recv(64)
        while self._opened:
            self._send(*self._opened.popleft())
        self._stop.check()
        if (now := time.monotonic()) >= wake_at:
            self._hurry([call for call in pending if call.at not in self._found], now)

    def _hurry(self, pending: Sequence[Call], now: float) -> None:
        """Ask other replicas of parts whose hedge delay is over, and give up once the time is up."""
        for call in pending:
            if now >= self._until:
                for attempt in list(call.attempts):
                    self._fail(call, attempt, TimeoutError(f"no answer within {self._patience.timeout:g} seconds"))
            elif call.waiting and len(call.attempts) == 1 and now >= call.hedge_at:
                call.waiting[0].hedges += 1
                self._next(call)

    def _next(self, call: Call) -> None:
        """Ask the next replica of a part, if there is one."""
        if call.waiting and time.monotonic() < self._until:
            call.asked += 1
            self._start(call, _Attempt(call.waiting.popleft(), call.asked))

    def _start(self, call: Call, attempt: _Attempt) -> None:
        call.attempts.append(attempt)
        call.hedge_at = time.monotonic() + self._patience.hedge
        if attempt.connection is not None:
            self._send(call, attempt, attempt.connection)
            return
        if self._wake is None:
            self._wake = socket.socketpair()
            self._poll.register(self._wake[0], select.POLLIN)
        threading.Thread(target=self._open, args=(call, attempt), name="connect", daemon=True).start()

    def _open(self, call: Call, attempt: _Attempt) -> None:
        """Open a connection on a thread: a node that hangs must not keep others waiting."""
        result: Connection | Exception
        try:
            result = attempt.replica.open()
            result.socket.setblocking(False)
        except (OSError, ServiceError) as error:
            result = error
        with self._lock:
            if not self._closed:
                assert self._wake is not None
                self._opened.append((call, attempt, result))
                self._wake[1].send(b".")
                return
        if isinstance(result, Connection):
            attempt.replica.give_back(result)
        else:
            attempt.replica.failed()

    def _send(self, call: Call, attempt: _Attempt, opened: Connection | Exception) -> None:
        if attempt.over:
            if isinstance(opened, Connection):
                attempt.replica.give_back(opened)
            return
        if isinstance(opened, Exception):
            self._fail(call, attempt, opened)
            return
        attempt.connection = opened
        left = max(0.001, min(self._stop.deadline, self._until) - time.monotonic())
        head, arrays, tables, _ = call.message
        attempt.unsent = memoryview(encode(Message({**head, "part": str(call.spec)}, arrays, tables, 1000 * left)))
        self._reading[opened.socket.fileno()] = call, attempt
        self._write(call, attempt)

    def _write(self, call: Call, attempt: _Attempt) -> None:
        """Send what the socket takes of a request, and wait for its answer, or for room for the rest."""
        assert attempt.connection is not None
        sock = attempt.connection.socket
        try:
            attempt.unsent = attempt.unsent[sock.send(attempt.unsent) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._fail(call, attempt, error)
            return
        self._poll.register(sock.fileno(), select.POLLIN | select.POLLOUT if attempt.unsent else select.POLLIN)

    def _read(self, call: Call, attempt: _Attempt) -> None:
        connection = attempt.connection
        assert connection is not None
        try:
            answer = connection.reader.advance(connection.socket)
        except (OSError, ServiceError) as error:
            self._fail(call, attempt, error)
            return
        if answer is None:
            return
        self._forget(attempt)
        attempt.end(keep=not attempt.unsent)
        if "error" in answer.head:
            problem = from_head(dict(answer.head))
            if not (isinstance(problem, ServiceError | StorageError) or type(problem) is StoppedError):
                raise problem  # another node would say the same
            self._replace(call, attempt, problem)
            return
        attempt.replica.won()
        self._found[call.at] = answer
        for other in call.attempts:
            if other is not attempt:
                if other.number < attempt.number:
                    other.replica.lost()
                self._forget(other)
                other.end()

    def _fail(self, call: Call, attempt: _Attempt, error: Exception) -> None:
        """Give up an attempt, and ask the next replica; the same one if its connection ended while nobody used it."""
        self._forget(attempt)
        attempt.end()
        if attempt.reused and isinstance(error, ConnectionError | ssl.SSLEOFError):  # the node may have restarted
            attempt.replica.drop_idle()
            call.waiting.appendleft(attempt.replica)
        else:
            attempt.replica.failed()
            attempt.replica.errors += 1
        self._replace(call, attempt, error)

    def _replace(self, call: Call, attempt: _Attempt, error: Exception) -> None:
        call.problems.append((attempt.replica, error))
        call.attempts.remove(attempt)
        if not call.attempts:
            self._next(call)

    def _forget(self, attempt: _Attempt) -> None:
        if attempt.connection is not None:
            descriptor = attempt.connection.socket.fileno()
            if self._reading.pop(descriptor, None) is not None:
                self._poll.unregister(descriptor)


def _unavailable(call: Call) -> SeismicError:
    """Return why nobody answers for a part. Addresses are for the log: callers may be users of a service."""
    for replica, error in call.problems:
        log.warning("part %s: node %s: %s", call.spec, replica.address, error or type(error).__name__)
    errors = [error for _, error in call.problems]
    reasons = "; ".join(dict.fromkeys(map(_reason, errors))) or "it has none"
    found = f"part {call.spec}: found no answer of its nodes ({reasons})"
    if errors and all(type(error) is ServiceError or isinstance(error, StorageError) for error in errors):
        return ServiceError(found)
    behind = any(isinstance(error, BehindError) for error in errors)
    return PartUnavailableError(f"{found}; {'retry' if behind else 'start them, or allow partial answers'}")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time is up"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "another secret" if isinstance(error, RefusedError) else str(error)
