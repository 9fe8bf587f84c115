"""Responses in parts."""

from collections.abc import Iterator, Sequence

from fastapi import Response
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


def _slices(parts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the parts in slices of equal size, and what is left at the end."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= SLICE_BYTES:
            yield bytes(waiting[:SLICE_BYTES])
            del waiting[:SLICE_BYTES]
    yield bytes(waiting)
