"""Requests over raw connections: a client library would need more CPU time than the service it measures."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LOST = 0
"""Stands for the status of a request whose connection broke."""


@dataclass
class Samples:
    """What came back: by status, how often; seconds each answer of 200 took, from when it was due."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(seconds)


class Connection(asyncio.Protocol):
    """One request at a time; `done(status)` is called for each answer. Answers must have a Content-Length."""

    def __init__(self, done: Any) -> None:
        self._done, self._buffer = done, bytearray()
        self._transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: Any) -> None:
        """From here on requests can be sent."""
        self._transport, self.open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A request that waits for its answer is lost."""
        self.open = False
        self._done(self, LOST)

    def send(self, request: bytes) -> None:
        """Ask."""
        assert self._transport
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Tell when an answer is whole."""
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
    """`connections` that ask, closed loop: each asks again once it is answered; open loop: `rate` requests a second are
    due at fixed times, whatever becomes of those before, and wait for a free connection."""

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
        """What came back within that time."""
        connections = await asyncio.gather(*(self._connect() for _ in range(self._connections)))
        if self._rate is None:
            for connection in connections:
                self._ask(connection, time.perf_counter())
            await asyncio.sleep(seconds)
        else:
            self._free.extend(connections)
            await self._keep_pace(seconds, self._rate)
        self._running = False
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in self._open:
            connection.close()
        return self._samples

    async def _keep_pace(self, seconds: float, rate: float) -> None:
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
            self._go_on(connection)
        else:
            self._open.discard(connection)
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _go_on(self, connection: Connection) -> None:
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
            self._samples.add(LOST, 0.0)  # and one connection less from now on
        elif self._running:
            self._go_on(task.result())
