"""Around every request: an id, one access line, a limit on the body, an answer when all else failed."""

import re
import time
import uuid

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import internal_error

REQUEST_ID = "X-Request-ID"
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger("server.access")


class RequestContext:
    """Takes a well-formed X-Request-ID or makes one; logs and answers with it; logs one line at the end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception:
                log.exception("request failed")
                if status:  # half an answer is out: let the server cut the connection
                    raise
                await internal_error(Request(scope))(scope, receive, send_with_id)
            finally:
                _access_line(scope, status, time.perf_counter() - started)


def _access_line(scope: Scope, status: int, seconds: float) -> None:
    client = scope.get("client")
    log.info(
        "request",
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),  # still percent-encoded: no control characters
        status=status,
        duration_ms=round(seconds * 1000, 3),
        client=client[0] if client else None,
    )


class BodyLimit:
    """Refuses bodies larger than `max_bytes`, by their declared length or as they arrive."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0

        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            self._check(size)
            message = await receive()
            received += len(message.get("body", b""))
            self._check(received)
            return message

        await self.app(scope, receive_limited, send)

    def _check(self, size: int) -> None:
        if size > self.max_bytes:
            found = f"found a body of {size} bytes or more"
            raise HTTPException(413, f"{found}, expected at most {self.max_bytes} (setting max_body_bytes)")
