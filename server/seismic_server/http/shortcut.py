"""The shortcut of plain searches: the HTTP protocol answers them itself, past ASGI and all middleware.

This module alone decides which requests take it, by their head; `Shortcut` decides by their body. Every request that it
does not answer goes the long way, through the application, as if there were no shortcut. Only complete answers leave
here: errors are the application's. tests/server/test_shortcut.py compares the bytes of both ways.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seismic_server.http.connections import Connections

MOST_BODY = 1 << 16
"""Largest body of a plain search, in bytes."""

PATIENCE = 0.05
"""Seconds that a body may take to arrive before its request goes the long way, which waits longer."""

_URL = re.compile(rb"/v1/collections/([A-Za-z0-9._~-]+)/search")

_LONG_WAY = frozenset(
    {
        b"content-encoding",
        b"expect",
        b"origin",
        b"traceparent",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-proto",
    }
)
"""Headers that ask for more than the shortcut does."""


class PlainRequest(NamedTuple):
    """A request that arrived completely. `started`: when its head arrived (`time.perf_counter`).

    `scope`: that of ASGI, which the long way uses as well.
    """

    scope: dict[str, Any]
    collection: str
    body: bytes
    started: float


class Answered(NamedTuple):
    """The body of a JSON answer with status 200."""

    body: bytes
    request_id: str


class Shortcut(Protocol):
    """What answers plain searches."""

    def answer(self, request: PlainRequest) -> Answered | None:
        """Answer a request, count and log it; None to let the application do all of that."""


def with_shortcut(
    base: type[HttpToolsProtocol], shortcut: Shortcut, connections: Connections
) -> type[HttpToolsProtocol]:
    """Return a protocol class that answers plain searches by `shortcut`."""

    class Direct(base):  # type: ignore[misc,valid-type]
        """While `_held`, the head of what may be a plain search has arrived, and `_body` of it so far.

        `_tried`: the segment has brought a plain search. Further ones go the long way, which interleaves connections.
        """

        _held, _tried = "", False
        _body = b""
        _started = 0.0
        _impatient: asyncio.TimerHandle | None = None

        def data_received(self, data: bytes) -> None:
            self._tried = False
            super().data_received(data)
            if self._held and self._impatient is None:
                self._impatient = self.loop.call_later(PATIENCE, self._release)

        def connection_lost(self, exc: Exception | None) -> None:
            self._release()
            super().connection_lost(exc)

        def on_headers_complete(self) -> None:
            self._unset_keepalive_if_required()  # of a plain search in the same segment
            if name := self._plain():
                self._have_head()
                self._held, self._body, self._started, self._tried = name, b"", time.perf_counter(), True
            else:
                super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            if self._held:
                self._body += body
            else:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if self._held and (answer := self._answer()):
                self._end_hold()
                connections.works(self)
                self._send(answer)
                self.on_response_complete()
                return
            self._release()
            super().on_message_complete()

        def _plain(self) -> str:
            """Return the collection that is searched, if the head is that of a plain search and it is its turn."""
            found = _URL.fullmatch(self.url)
            if not found or self._tried or self._parsed > MOST_BODY or not (self.cycle is None or _ended(self)):
                return ""
            parser, headers = self.parser, dict(self.headers)
            plain = (
                len(headers) == len(self.headers)  # none comes twice
                and headers.get(b"content-type") == b"application/json"
                and _length(headers) <= MOST_BODY
                and _LONG_WAY.isdisjoint(headers)
                and parser.get_method() == b"POST"
                and parser.get_http_version() == "1.1"
                and parser.should_keep_alive()
                and not (connections.draining or connections.exceeded)
            )
            return found[1].decode() if plain else ""

        def _answer(self) -> Answered | None:
            path = f"{self.root_path}/v1/collections/{self._held}/search"
            self.scope |= {"method": "POST", "path": path, "raw_path": path.encode()}
            return shortcut.answer(
                PlainRequest(cast(dict[str, Any], self.scope), self._held, self._body, self._started)
            )

        def _send(self, answer: Answered) -> None:
            """Write an answer with the headers that the application's have, in their order."""
            defaults = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
                b"x-content-type-options: nosniff\r\n\r\n%b"
                % (defaults, len(answer.body), answer.request_id.encode(), answer.body)
            )

        def _release(self) -> None:
            """Let the request go the long way from here on."""
            if self._held:
                body = self._body
                self._end_hold()
                super().on_headers_complete()
                if body:
                    super().on_body(body)

        def _end_hold(self) -> None:
            self._held, self._body = "", b""
            if self._impatient:
                self._impatient.cancel()
                self._impatient = None

    return Direct


def _ended(protocol: Any) -> bool:
    """Return whether all earlier requests of a connection are answered, and their answers are read."""
    return protocol.cycle.response_complete and not protocol.pipeline and not protocol.flow.write_paused


def _length(headers: Mapping[bytes, bytes]) -> int:
    """Return the declared length of a body, or more than is plain."""
    declared = headers.get(b"content-length", b"")
    return int(declared) if declared.isdigit() and len(declared) < 9 else MOST_BODY + 1
