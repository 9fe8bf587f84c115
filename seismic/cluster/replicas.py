"""Replicas: the nodes that answer for the same parts, their connections, and which of them to ask."""

import random
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from seismic.cluster.connection import Address, Connection, connect
from seismic.cluster.wire import ANSWER, Message
from seismic.errors import ServiceError
from seismic.threads import reset_after_fork

CONNECT_SECONDS = 2.0
"""Time to open a connection."""

PROBE_SECONDS = 1.0
"""Time for a suspended replica to answer a probe."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds until the first probe of a suspended replica; each failed one doubles them."""

LOST_HEDGES = 2
"""Consecutive requests that another replica answered first until a replica is suspended."""

IDLE_CONNECTIONS = 64
"""Most connections to a replica that wait for a request."""


class Replica:
    """A node, its idle connections, and whether it is to be asked. Safe to use from many threads.

    A replica is suspended when it cannot be reached, or is too slow for two requests in a row. Probes find out when it
    answers again.
    """

    def __init__(self, address: Address, secret: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.address, self._secret, self._tls = address, secret, tls
        self.running = 0
        """Requests that it has not answered yet."""
        self.requests = self.errors = self.hedges = 0
        """Requests so far, those that failed, and those that another replica had not answered in time."""
        self._closed = False
        self._fresh()
        reset_after_fork(self)

    def _fresh(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._lost, self._pause, self._probe_at, self._probing = 0, FIRST_PAUSE, 0.0, False
        self.running = 0

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        for connection in self._idle:
            connection.close()
        self._fresh()

    @property
    def suspended(self) -> bool:
        """Whether to ask others first. Looking at it starts a probe if one is due."""
        if self._probe_at == 0.0:
            return False
        with self._lock:
            due = not self._probing and not self._closed and time.monotonic() >= self._probe_at > 0
            self._probing = self._probing or due
        if due:
            threading.Thread(target=self._probe, name="probe", daemon=True).start()
        return True

    def take(self) -> Connection | None:
        """Return an idle connection, or None. The node may have closed it."""
        with self._lock:
            return self._idle.pop() if self._idle else None

    def open(self, seconds: float = CONNECT_SECONDS) -> Connection:
        """Open a connection. Raises OSError and ServiceError."""
        return connect(self.address, self._secret, ANSWER, self._tls, seconds)

    def give_back(self, connection: Connection) -> None:
        """Keep the connection of a finished request for the next one."""
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def won(self) -> None:
        """Note an answer."""
        self._lost = 0
        if self._probe_at:
            self._resume()

    def lost(self) -> None:
        """Note that another replica answered first, although it was asked later."""
        self._lost += 1
        if self._lost >= LOST_HEDGES:
            self.failed()

    def failed(self) -> None:
        """Suspend the replica, and close its idle connections."""
        with self._lock:
            if self._probe_at == 0.0:
                self._probe_at = time.monotonic() + self._pause
        self.drop_idle()

    def drop_idle(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def ask(self, message: Message, seconds: float) -> Message:
        """Ask over a new connection, and return the answer. Raises OSError and ServiceError."""
        connection = self.open(min(seconds, CONNECT_SECONDS))
        try:
            connection.send(message, seconds)
            return connection.receive(time.monotonic() + seconds)
        finally:
            connection.close()

    def close(self) -> None:
        """Close all connections, and probe no more."""
        self._closed = True
        self.drop_idle()

    def _probe(self) -> None:
        answers = False
        with suppress(OSError, ServiceError):
            answers = "error" not in self.ask(Message({"verb": "status"}), PROBE_SECONDS).head
        if answers:
            self._resume()
            return
        with self._lock:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._probe_at, self._probing = time.monotonic() + self._pause, False

    def _resume(self) -> None:
        with self._lock:
            self._lost, self._pause, self._probe_at, self._probing = 0, FIRST_PAUSE, 0.0, False


def in_order(replicas: Iterable[Replica]) -> list[Replica]:
    """Return replicas in the order to ask them: those that are not suspended first, the least busy ones first."""
    return sorted(replicas, key=lambda replica: (replica.suspended, replica.running, random.random()))
