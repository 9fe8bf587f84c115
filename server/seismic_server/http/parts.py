"""Responses in parts."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

SLICE_BYTES = 1 << 18
"""Bytes that are handed to the connection at a time. It buffers no more, however slowly the client reads."""


class JsonParts(Response):
    """A JSON response in parts, which are neither joined nor buffered together."""

    media_type = "application/json"

    def __init__(self, parts: Sequence[bytes]) -> None:
        size = sum(map(len, parts))
        self._parts = parts if size > SLICE_BYTES else ()
        if self._parts:
            super().__init__(headers={"Content-Length": str(size)})
        else:
            super().__init__(b"".join(parts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        if not self._parts:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in _slices(self._parts):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Streamed(StreamingResponse):
    """A response in parts of any size that are made as they are sent.

    The first part is made before the response begins, so that an error until then becomes a problem document. A later
    one closes the connection before the end of the response: no client takes a part for the whole.
    """

    async def stream_response(self, send: Send) -> None:
        """Send the response."""
        first = await anext(aiter(self.body_iterator), b"")
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _send_sliced(send, first)
        async for part in self.body_iterator:
            await _send_sliced(send, part)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_sliced(send: Send, part: Any) -> None:
    for first in range(0, len(part), SLICE_BYTES):
        await send({"type": "http.response.body", "body": part[first : first + SLICE_BYTES], "more_body": True})


def _slices(parts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the parts in slices of equal size, and what is left at the end."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= SLICE_BYTES:
            yield bytes(waiting[:SLICE_BYTES])
            del waiting[:SLICE_BYTES]
    yield bytes(waiting)
