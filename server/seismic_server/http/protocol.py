"""uvicorn's HTTP protocol, with limits on a request's head and without upgrades.

It overrides methods of `HttpToolsProtocol`, for which uvicorn makes no promises: tests/server/test_protocol.py checks
the behaviour over raw sockets.
"""

import asyncio
from typing import Any

import httptools
import orjson
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_HEAD_BYTES = 1 << 16
"""Largest head of a request, in bytes; httptools itself has no limit."""

OFFERS = frozenset({b"upgrade", b"http2-settings"})
"""Headers that offer another protocol, and their names as options of the header Connection."""

DETAILS = {
    "400 Bad Request": "found no HTTP request that can be read",
    "405 Method Not Allowed": "found CONNECT, expected GET, HEAD, OPTIONS, POST or PUT",
    "408 Request Timeout": "the request's head did not arrive in time (setting receive_seconds)",
    "431 Request Header Fields Too Large": f"found a longer head, expected at most {MOST_HEAD_BYTES} bytes",
    "503 Service Unavailable": "found too many connections (setting max_connections); retry shortly",
}
"""Why a connection is closed, by the status that it is told."""


def _close_unless_read(cycle: RequestResponseCycle) -> None:
    """Close the connection after the response unless the body was asked for by "100 Continue".

    A client that was refused at once need not send the body, and its next request would be taken for it.
    """
    receive, keep_alive, cycle.keep_alive = cycle.receive, cycle.keep_alive, False

    async def receive_and_keep() -> ASGIReceiveEvent:
        cycle.keep_alive = keep_alive
        return await receive()

    cycle.receive = receive_and_keep  # type: ignore[method-assign]


def protocol(head_seconds: float) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol class, closing connections whose head is too large or takes too long."""

    class Protocol(HttpToolsProtocol):
        """`_late` is the timer of an incomplete head, which most requests never need.

        While `_heading`, a head is being received: `_head` counts its bytes in earlier segments, `_parsed` those of its
        complete parts. `_began`: it began in the current segment. `_offered`: it offers another protocol. `_ended`: no
        further request is read.
        """

        _late: asyncio.TimerHandle | None = None
        _heading, _began, _offered, _ended = True, False, False, False
        _head, _parsed = 0, 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._have_head()
            self._unset_keepalive_if_required()  # uvicorn leaves the timer after a reset
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._unset_keepalive_if_required()
            self._began = False
            left = data
            while left and not self._closing():
                left = self._feed(left)
            if self._heading and not self._closing():
                self._head = self._parsed if self._began else self._head + len(data)
                if self._head > MOST_HEAD_BYTES:
                    self._refuse("431 Request Header Fields Too Large")
                elif self._late is None:
                    self._await_head()

        def _feed(self, data: bytes) -> bytes:
            """Parse data, and return what has to be parsed next.

            After a head that offers another protocol, the parser takes the body for that protocol and what follows for
            a request. Declining the offer is enough: the head is parsed again without it.
            """
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                return self._declined() + data[upgrade.args[0] :]
            except httptools.HttpParserError:
                if not self._closing():
                    self.logger.warning("Invalid HTTP request received.")
                    self._refuse("400 Bad Request")
            return b""

        def _declined(self) -> bytes:
            """Return the received head without its offer of another protocol."""
            self._offered = False
            method = self.parser.get_method()
            if method == b"CONNECT":  # the method itself is the offer
                self._refuse("405 Method Not Allowed")
                return b""
            lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
            for name, value in self.headers:
                if name == b"connection":
                    value = b", ".join(part for part in value.split(b",") if part.strip().lower() not in OFFERS)
                if name not in OFFERS:
                    lines.append(name + b": " + value)
            return b"\r\n".join([*lines, b"", b""])

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._have_head()
            self._heading, self._began, self._parsed = True, True, 0

        def on_url(self, url: bytes) -> None:
            super().on_url(url)
            self._parsed += len(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            self._parsed += len(name) + len(value) + len(b": \r\n")

        def on_headers_complete(self) -> None:
            if self._parsed > MOST_HEAD_BYTES:
                self._refuse("431 Request Header Fields Too Large")
                raise ValueError  # ends parsing
            self._have_head()
            self._offered = self.parser.should_upgrade()
            if not self._offered:
                super().on_headers_complete()
                if self.expect_100_continue:
                    _close_unless_read(self.cycle)

        def on_message_complete(self) -> None:
            if not self._offered:
                super().on_message_complete()

        def _await_head(self) -> None:
            self._late = self.loop.call_later(head_seconds, self._refuse, "408 Request Timeout")

        def _have_head(self) -> None:
            if self._late:
                self._late.cancel()
            self._late, self._heading, self._head = None, False, 0

        def _refuse(self, status: str) -> None:
            """Answer what cannot be read and close the connection, once all earlier requests are answered."""
            self._have_head()
            if self._closing():
                return
            if self.cycle is None or self.cycle.response_complete or (self.cycle.more_body and not self.pipeline):
                self.transport.write(_refusal(status))
                self.transport.close()
            else:
                self._ended, self.cycle.keep_alive = True, False

        def _closing(self) -> bool:
            return self._ended or self.transport.is_closing()

    return Protocol


def _refusal(status: str) -> bytes:
    """Return a response with a problem document. It has no request id, because there is no request yet."""
    code, _, title = status.partition(" ")
    body = orjson.dumps({"type": "about:blank", "title": title, "status": int(code), "detail": DETAILS[status]})
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
    retry = "retry-after: 1\r\n" if code == "503" else ""
    return f"{head}{retry}x-content-type-options: nosniff\r\nconnection: close\r\n\r\n".encode() + body
