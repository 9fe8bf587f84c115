"""Load over raw connections: a client library would use more CPU time than the service it measures."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LOST = 0
"""Status of a request whose connection broke."""


@dataclass
class Samples:
    """Answers counted by status, and the seconds of each 200, measured from the time it was due."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(seconds)


class Connection(asyncio.Protocol):
    """A connection with one request at a time; calls `done(connection, status)` per answer, which needs a
    Content-Length."""

    def __init__(self, done: Any) -> None:
        self._done, self._buffer = done, bytearray()
        self._transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: Any) -> None:
        """Accept requests from now on."""
        self._transport, self.open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Report the pending request as lost."""
        self.open = False
        self._done(self, LOST)

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Report an answer when it is complete."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._buffer) >= end + 4 + length:
            self._buffer.clear()
            self._done(self, int(head[9:12]))


class Load:
    """Load from a number of connections.

    Closed loop (`rate` None): each connection sends its next request when it is answered. Open loop: `rate` requests
    per second are due at fixed times, independent of earlier answers, and wait for a free connection.
    """

    def __init__(self, host: str, port: int, requests: Iterator[bytes], connections: int, rate: float | None) -> None:
        self._host, self._port, self._requests = host, port, requests
        self._connections, self._rate = connections, rate
        self._samples = Samples()
        self._due: dict[Connection, float] = {}
        self._free: deque[Connection] = deque()
        self._late: deque[float] = deque()
        self._connecting: set[asyncio.Task[Connection]] = set()
        self._open: set[Connection] = set()
        self._running = True

    async def run(self, seconds: float) -> Samples:
        """Send requests for that time and return the answers received."""
        connections = await asyncio.gather(*(self._connect() for _ in range(self._connections)))
        if self._rate is None:
            for connection in connections:
                self._ask(connection, time.perf_counter())
            await asyncio.sleep(seconds)
        else:
            self._free.extend(connections)
            await self._run_open_loop(seconds, self._rate)
        self._running = False
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in self._open:
            connection.close()
        return self._samples

    async def _run_open_loop(self, seconds: float, rate: float) -> None:
        begun, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - begun) < seconds:
            while sent < now * rate:
                due = begun + sent / rate
                if self._free:
                    self._ask(self._free.popleft(), due)
                else:
                    self._late.append(due)
                sent += 1
            await asyncio.sleep(max(0.0, sent / rate - now))

    def _ask(self, connection: Connection, due: float) -> None:
        self._due[connection] = due
        connection.send(next(self._requests))

    def _answered(self, connection: Connection, status: int) -> None:
        due = self._due.pop(connection, None)
        if not self._running:
            return
        if due is not None:
            self._samples.add(status, time.perf_counter() - due)
        if connection.open:
            self._continue(connection)
        else:
            self._open.discard(connection)
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _continue(self, connection: Connection) -> None:
        if self._rate is None:
            self._ask(connection, time.perf_counter())
        elif self._late:
            self._ask(connection, self._late.popleft())
        else:
            self._free.append(connection)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self._answered), self._host, self._port)
        self._open.add(connection)
        return connection

    def _connected(self, task: asyncio.Task[Connection]) -> None:
        self._connecting.discard(task)
        if task.cancelled() or task.exception():
            self._samples.add(LOST, 0.0)  # the load continues with one connection less
        elif self._running:
            self._continue(task.result())
