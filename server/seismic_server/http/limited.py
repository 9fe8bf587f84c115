"""uvicorn's HTTP protocol with a limit on connections, and an end for those whose client does not read."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seismic_server.http.connections import Connections, Place
from seismic_server.http.protocol import protocol

PROBES = frozenset({b"/healthz", b"/readyz"})
"""Paths that are answered even if there are too many connections."""

TOO_MANY = "503 Service Unavailable"


def limited_protocol(head_seconds: float, send_seconds: float, connections: Connections) -> type[HttpToolsProtocol]:
    """Return `protocol(head_seconds)` with these limits."""

    class Limited(protocol(head_seconds)):  # type: ignore[misc]
        """`_stuck` is the timer of an answer that its client does not read. Most fit the socket's buffer.

        `_active`: the request that is answered, where `cycle` is the last one that arrived.
        """

        _stuck: asyncio.TimerHandle | None = None
        _active: Any = None
        _place: Place = "any"

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._place = connections.enter(self)
            if self._place == "none":
                self._refuse(TOO_MANY)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.leave(self)
            self._unstick()
            self._disconnect()
            super().connection_lost(exc)

        def on_headers_complete(self) -> None:
            if self._place == "probes" and connections.exceeded and self.url not in PROBES:
                self._refuse(TOO_MANY)
                raise ValueError  # ends parsing
            super().on_headers_complete()
            if connections.draining:
                self.end_soon()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._account()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._account()

        def pause_writing(self) -> None:
            super().pause_writing()
            connections.waits(self)
            self._stuck = self.loop.call_later(send_seconds, self._abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._account()
            self._unstick()

        def give_way(self) -> None:
            """Close the connection for the sake of a new one."""
            if not self.cycle:
                self._refuse(TOO_MANY)
            else:
                self._abort()

        def end_soon(self) -> None:
            """Close the connection after its next answer."""
            if self.cycle:
                self.cycle.keep_alive = False

        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            self._active = cycle
            super()._start_asgi_task(cycle, app)

        def _disconnect(self) -> None:
            """Let the active request end without an answer. uvicorn tells the last one only."""
            if self._active and not self._active.response_complete:
                self._active.disconnected = True
                self._active.message_event.set()

        def _abort(self) -> None:
            self._disconnect()
            self.transport.abort()

        def _account(self) -> None:
            """Note whether the service or the client has to act next."""
            if not self.cycle or self.cycle.more_body or self.cycle.response_complete:
                connections.waits(self)
            else:
                connections.works(self)

        def _unstick(self) -> None:
            if self._stuck:
                self._stuck.cancel()
                self._stuck = None

    return Limited
