"""uvicorn's HTTP protocol with limits on a request's head, which arrives before any middleware runs."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 1 << 16
"""Largest head of a request, in bytes; httptools itself has no limit."""


def protocol(head_seconds: float) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol class, closing connections whose head is too large or takes too long."""

    class Protocol(HttpToolsProtocol):
        """`_late` is the timer of an incomplete head. Most heads arrive whole and need none."""

        _late: asyncio.TimerHandle | None = None
        _heading, _head = True, 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._have_head()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._heading:
                self._head += len(data)
                if self._head > MOST_HEAD_BYTES:
                    self._refuse("431 Request Header Fields Too Large")
                elif self._late is None:
                    self._await_head()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._have_head()
            self._heading = True

        def on_headers_complete(self) -> None:
            self._have_head()
            super().on_headers_complete()

        def _await_head(self) -> None:
            self._late = self.loop.call_later(head_seconds, self._refuse, "408 Request Timeout")

        def _have_head(self) -> None:
            if self._late:
                self._late.cancel()
            self._late, self._heading, self._head = None, False, 0

        def _refuse(self, status: str) -> None:
            self._have_head()
            if not self.transport.is_closing():
                self.transport.write(f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
                self.transport.close()

    return Protocol
