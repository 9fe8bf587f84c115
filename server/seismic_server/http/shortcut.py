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

MOST_HEADS, MOST_HEAD = 1000, 2048
"""Heads that are known at a time, and the largest one, in bytes."""

REQUEST_ID = b"x-request-id"
"""A header that differs from request to request."""

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


class _Head(NamedTuple):
    """A head that is known to be that of a plain search."""

    collection: str
    length: int
    path: str
    headers: list[tuple[bytes, bytes]]


class _Heads:
    """Known heads of plain searches. A client's requests have few different ones, so the parser reads each once."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Head] = {}

    def find(self, segment: bytes) -> tuple[_Head, bytes] | None:
        """Return the head and body of a segment that is one request with a known head."""
        end = segment.find(b"\r\n\r\n") + 4
        head = self._known.get(segment[:end])
        return (head, segment[end:]) if head and len(segment) == end + head.length else None

    def add(self, segment: bytes, head: _Head) -> None:
        """Add the head of a segment that was parsed, if the segment is one request."""
        end = segment.find(b"\r\n\r\n") + 4
        if len(segment) != end + head.length or end > MOST_HEAD or any(name == REQUEST_ID for name, _ in head.headers):
            return
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        self._known[segment[:end]] = head


def with_shortcut(
    base: type[HttpToolsProtocol], shortcut: Shortcut, connections: Connections
) -> type[HttpToolsProtocol]:
    """Return a protocol class that answers plain searches by `shortcut`."""
    heads, defaults = _Heads(), _Defaults()

    class Direct(base):  # type: ignore[misc,valid-type]
        """While `_held`, the head of what may be a plain search has arrived, and `_body` of it so far.

        `_tried`: the segment has brought a plain search. Further ones go the long way, which interleaves connections.
        `_within`: a request has begun to arrive. `_segment`: what arrived last, if no request had begun before.
        `_admitted`: state of a request that the shortcut has admitted but not answered. `_answered`: `loop.time` of the
        last answer past the parser.
        """

        _held, _tried, _within = "", False, False
        _body = _segment = b""
        _started = _answered = 0.0
        _impatient: asyncio.TimerHandle | None = None
        _admitted: dict[str, Any] | None = None

        def data_received(self, data: bytes) -> None:
            self._tried = False
            if not self._within and (found := heads.find(data)) and self._is_free():
                if self._answer_known(*found):
                    return
                self._tried = True
            self._segment = b"" if self._within else data
            super().data_received(data)
            if self._held and self._impatient is None:
                self._impatient = self.loop.call_later(PATIENCE, self._release)

        def connection_lost(self, exc: Exception | None) -> None:
            self._release()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._within = True
            if self._admitted:
                self.scope["state"] |= self._admitted
                self._admitted = None

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
            self._within = False
            if self._held and (answer := self._answer()):
                scope = self.scope
                heads.add(self._segment, _Head(self._held, len(self._body), scope["path"], scope["headers"]))
                self._end_hold()
                connections.works(self)
                self._send(answer)
                self.on_response_complete()
                return
            self._release()
            super().on_message_complete()

        def timeout_keep_alive_handler(self) -> None:
            """Close the connection, unless it has been used since the timer was set."""
            left = self._answered + self.timeout_keep_alive - self.loop.time()
            if left > 0:
                self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
            else:
                super().timeout_keep_alive_handler()

        def _is_free(self) -> bool:
            """Return whether a request that arrives now may be answered at once."""
            idle = (self.cycle is None or _ended(self)) and not self.flow.write_paused
            return idle and not (connections.draining or connections.exceeded or self._closing())

        def _answer_known(self, head: _Head, body: bytes) -> bool:
            """Answer a request with a known head, past the parser; return whether that was possible."""
            scope = {
                "type": "http",
                "method": "POST",
                "path": head.path,
                "raw_path": head.path.encode(),
                "root_path": self.root_path,
                "headers": head.headers,
                "client": self.client,
                "state": {},
            }
            answer = shortcut.answer(PlainRequest(scope, head.collection, body, time.perf_counter()))
            if answer is None:
                self._admitted = cast(dict[str, Any], scope["state"])
                return False
            if self._heading:
                self._have_head()
            connections.works(self)
            self._send(answer)
            self.server_state.total_requests += 1
            connections.waits(self)
            self._answered = self.loop.time()
            if self.timeout_keep_alive_task is None and not self.transport.is_closing():
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            return True

        def _plain(self) -> str:
            """Return the collection that is searched, if the head is that of a plain search and it is its turn."""
            found = _URL.fullmatch(self.url)
            if not found or self._tried or self._parsed > MOST_BODY or not self._is_free():
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
            self.transport.write(
                b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
                b"x-content-type-options: nosniff\r\n\r\n%b"
                % (
                    defaults.lines(self.server_state.default_headers),
                    len(answer.body),
                    answer.request_id.encode(),
                    answer.body,
                )
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


class _Defaults:
    """The lines of the headers that all answers have. uvicorn makes another list of them each second."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the headers as they are sent."""
        if headers is not self._headers:
            self._headers, self._lines = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._lines


def _ended(protocol: Any) -> bool:
    """Return whether all earlier requests of a connection are answered."""
    return protocol.cycle.response_complete and not protocol.pipeline


def _length(headers: Mapping[bytes, bytes]) -> int:
    """Return the declared length of a body, or more than is plain."""
    declared = headers.get(b"content-length", b"")
    return int(declared) if declared.isdigit() and len(declared) < 9 else MOST_BODY + 1
