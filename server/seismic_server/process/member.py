"""A server process among several: `python -m seismic_server.process.member DESCRIPTOR`, started by the supervisor.

The descriptor is a socket, over which the supervisor sends the settings, and then both call each other. The process
ends when the supervisor does, however that ends.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, cast

from seismic import SeismicError
from seismic_server.app import create_app
from seismic_server.http.connections import Connections
from seismic_server.observe.logs import configure_logging
from seismic_server.peers.channel import ChannelClosedError, receive, send
from seismic_server.peers.peers import Linked, Member
from seismic_server.process.acceptor import Acceptor
from seismic_server.process.files import capacity
from seismic_server.process.server import Server, configured
from seismic_server.settings import Settings
from seismic_server.shared import Shared


class MemberServer(Server):
    """A server that shares its listening socket, and that the supervisor shuts down."""

    def __init__(self, *about: Any, listener: socket.socket, eager: bool) -> None:
        super().__init__(*about)
        self._listener, self._eager = listener, eager
        peers = self._service.peers
        assert isinstance(peers, Linked)
        self._peers = peers
        peers.add({"drain": self._drain_when_told, "end": self._end_when_told, "beat": self._beat})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Start the shutdown. Only the supervisor ends it early: it may have got the same signal."""
        if not self._service.admission.closing:
            self.drain()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Start the application, and accept connections once it is warm; before that if no other process does."""
        await super().startup(sockets=[])
        assert self._peers.member

        about = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        make_protocol: Callable[[], asyncio.Protocol] = partial(cast(Any, self.config.http_protocol_class), **about)

        shared = self._peers.member.shared
        self._acceptor = Acceptor(self._listener, make_protocol, self.config.ssl, self._connections, shared)
        if self._eager:
            self._acceptor.start()
        else:
            self._peers.when_joined(self._acceptor.start)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and close those that are open."""
        self._acceptor.close()
        await super().shutdown([*(sockets or []), self._listener])

    async def _drain_when_told(self) -> None:
        if not self._service.admission.closing:
            self.drain()

    async def _beat(self) -> None:
        """Show the supervisor that the event loop runs."""

    async def _end_when_told(self) -> None:
        self.should_exit = True


def main() -> None:
    """Serve until the supervisor says otherwise."""
    for number in (signal.SIGINT, signal.SIGTERM):  # until the server handles them
        signal.signal(number, lambda *_: os._exit(1))
    end = socket.socket(fileno=int(sys.argv[1]))
    try:
        first = receive(end)
    except ChannelClosedError:
        sys.exit(1)
    try:
        serve(end, **first)
    except SeismicError as error:
        send(end, [1, "refused", {"problem": str(error)}])
        sys.exit(1)


def serve(
    end: socket.socket, settings: dict[str, Any], number: int, listener: int, memory: int, *, eager: bool
) -> None:
    """Serve as one of several processes. Raises SeismicError if that does not start."""
    whole = Settings(**settings)
    own = whole.of_one_process()
    configure_logging(own, number)
    shared = Shared(memory, whole.processes, number)
    peers = Linked(Member(number, whole.processes, shared), end)
    app = create_app(own, peers)
    connections = Connections(capacity(own.max_connections).connections, shared)
    config = configured(app, own, connections)
    accepting = socket.socket(fileno=listener)
    accepting.setblocking(False)
    MemberServer(config, app.state.service, connections, listener=accepting, eager=eager).run()


if __name__ == "__main__":
    main()
