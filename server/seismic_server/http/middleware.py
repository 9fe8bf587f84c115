"""Around every request: an id, one access line, metrics, limits on the body and on time, an answer when all else
failed."""

import asyncio
import random
import re
import time

import structlog
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seismic.stop import Stop, stoppable_by
from seismic_server.http.errors import internal_error
from seismic_server.observe.metrics import Metrics
from seismic_server.observe.throttle import LogThrottle
from seismic_server.observe.tracing import Tracer, traced

REQUEST_ID = b"x-request-id"
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

WATCH_SECONDS = 0.05
"""A request that takes longer is watched: once its client has gone, it is stopped."""

log = structlog.get_logger("seismic_server.access")


class RequestContext:
    """Takes a well-formed X-Request-ID or makes one; logs and answers with it; counts, traces, and logs one line at the
    end, unless there is a flood of the like."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer, throttle: LogThrottle) -> None:
        self.app, self.metrics, self.tracer, self.throttle = app, metrics, tracer, throttle
        self.log = structlog.get_logger("seismic_server.access").bind()  # now rather than for each line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
        # Not by uuid4: while it asks the system, another thread may take the interpreter, for milliseconds.
        request_id = given.decode() if _SAFE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "status": 0, "problem": None}
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id.encode())]
            await send(message)

        self.metrics.in_flight.inc()
        structlog.contextvars.bind_contextvars(request_id=request_id)  # a request is a task, so has its own context
        with traced(self.tracer, scope):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception:
                log.exception("request failed")
                if state["status"]:  # half an answer is out: let the server cut the connection
                    raise
                await internal_error(Request(scope))(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                asyncio.get_running_loop().call_soon(self._finish, scope, seconds)  # the loop sends the answer first

    def _finish(self, scope: Scope, seconds: float) -> None:
        state, client = scope["state"], scope.get("client")
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.in_flight.dec()
        self.metrics.requests_of(route, state["status"]).observe(seconds)
        if state["problem"]:
            self.metrics.rejections.labels(state["problem"]).inc()
            if self.throttle.hides(state["problem"]):
                return
        self.log.info(
            "request",
            method=scope["method"],
            path=scope["raw_path"].decode("ascii"),  # still percent-encoded: no control characters
            status=state["status"],
            duration_ms=round(seconds * 1000, 3),
            client=client[0] if client else None,
        )


class BodyLimit:
    """Refuses bodies larger than `max_bytes`, by their declared length or as they arrive, and those that do not arrive
    within `seconds`."""

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app, self.max_bytes, self.seconds = app, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        size = int(declared) if declared.isdigit() else 0
        received, whole = 0, False
        give_up = asyncio.get_running_loop().time() + self.seconds

        async def receive_limited() -> Message:
            nonlocal received, whole
            if whole:  # what is left to receive is the end of the connection
                return await receive()
            self._check(size)
            try:
                async with asyncio.timeout_at(give_up):
                    message = await receive()
            except TimeoutError:
                found = f"found {received} bytes of the body after {self.seconds:g} seconds"
                raise HTTPException(
                    408, f"{found}, expected all of it (setting receive_seconds)", {"Connection": "close"}
                ) from None
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            self._check(received)
            return message

        await self.app(scope, receive_limited, send)

    def _check(self, size: int) -> None:
        if size > self.max_bytes:
            found = f"found a body of {size} bytes or more"
            raise HTTPException(413, f"{found}, expected at most {self.max_bytes} (setting max_body_bytes)")


class Deadline:
    """Searches of a request end after so many milliseconds, or when its client has gone; `running` has what stops
    those of each request that is being answered."""

    def __init__(self, app: ASGIApp, milliseconds: int, running: set[Stop]) -> None:
        self.app, self.milliseconds, self.running = app, milliseconds, running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        stop, loop = Stop(), asyncio.get_running_loop()
        stop.after(self.milliseconds)
        watching: list[asyncio.Task[None]] = []
        watch: asyncio.TimerHandle | None = None

        async def receive_then_watch() -> Message:
            nonlocal watch
            message = await receive()
            if watch is None and not message.get("more_body", False):
                watch = loop.call_later(WATCH_SECONDS, lambda: watching.append(loop.create_task(_watch(receive, stop))))
            return message

        self.running.add(stop)
        try:
            with stoppable_by(stop):
                await self.app(scope, receive_then_watch, send)
        finally:
            self.running.discard(stop)
            stop.close()
            if watch:
                watch.cancel()
            for task in watching:
                task.cancel()


async def _watch(receive: Receive, stop: Stop) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()
