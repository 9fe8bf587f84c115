"""Accept connections from a socket that several processes share, so that each gets about as many."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog

from seismic_server.http.connections import Connections
from seismic_server.shared import Shared

YIELD_SECONDS = 0.002
"""Time in which a process with fewer connections may accept the next one, before this process does."""

SHORT_SECONDS = 1.0
"""Pause after a connection for which descriptors or memory were short."""

log = structlog.get_logger("server")


class Acceptor:
    """Accepts one connection at a time, and none while another process has fewer. Belongs to the event loop.

    The kernel wakes all processes for a connection; whichever comes first would otherwise accept everything that waits.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        connections: Connections,
        shared: Shared,
    ) -> None:
        self._listener, self._make_protocol, self._tls = listener, make_protocol, tls
        self._connections, self._shared = connections, shared
        self._arriving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Accept connections from now on, unless the process is shutting down."""
        if self._closed:
            return
        self._shared.publish("connections", len(self._connections))
        self._listen()

    def close(self) -> None:
        """Accept no more connections."""
        self._closed = True
        self._loop.remove_reader(self._listener)
        if self._waiting:
            self._waiting.cancel()

    def _listen(self) -> None:
        self._waiting = None
        self._loop.add_reader(self._listener, self._readable)

    def _readable(self) -> None:
        least = min((count for count in self._shared.others("connections") if count >= 0), default=None)
        if least is None or len(self._connections) + len(self._arriving) <= least:
            self._accept()
        else:
            self._pause(YIELD_SECONDS, self._accept_and_listen)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)
        self._waiting = self._loop.call_later(seconds, then)

    def _accept_and_listen(self) -> None:
        self._listen()
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another process was faster
            return
        except OSError as error:
            log.error("a connection cannot be accepted", reason=error.strerror)
            self._pause(SHORT_SECONDS, self._listen)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._tls)
        except Exception as error:  # most often a client that ends during TLS's handshake
            connection.close()
            log.debug("a connection was not made", reason=repr(error))
