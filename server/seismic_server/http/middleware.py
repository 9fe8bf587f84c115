"""Middleware around every request: its id, access log and metrics; limits on body and time; an answer to failures."""

import asyncio
import random
import re
import time
from collections.abc import Iterable

import structlog
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seismic.stop import Stop, stoppable_by
from seismic_server.http.errors import failure_response
from seismic_server.memory.budget import MemoryBudget
from seismic_server.observe.access_log import AccessLog, Finished
from seismic_server.observe.metrics import Metrics
from seismic_server.observe.tracing import Tracer, traced
from seismic_server.settings import Settings

REQUEST_ID = b"x-request-id"
NO_SNIFFING = b"x-content-type-options", b"nosniff"
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

WATCH_SECONDS = 0.05
"""Requests that take longer are watched, and stopped when their client disconnects."""

PARSED_SIZE = 24
"""Bytes of Python objects per byte of JSON, at most: an empty object takes 72 bytes in a list, and 3 in JSON."""

CHANGES_BY_POST = "/points/batch", "/_bulk"
"""Ends of the paths at which other APIs take documents by POST."""


class RequestContext:
    """Give every request an id, count and trace it, and log one line at its end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer, access_log: AccessLog) -> None:
        self.app, self.metrics, self.tracer, self.access_log = app, metrics, tracer, access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope["headers"])
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "status": 0, "problem": None}
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id.encode()), NO_SNIFFING]
            await send(message)

        self.metrics.in_flight.inc()
        structlog.contextvars.bind_contextvars(request_id=request_id)  # a request is a task with a context of its own
        with traced(self.tracer, scope):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                asyncio.get_running_loop().call_soon(self._finish, scope, seconds)  # after the answer is sent

    def _finish(self, scope: Scope, seconds: float) -> None:
        self.metrics.in_flight.dec()
        state, client = scope["state"], scope.get("client")
        path = scope["raw_path"].decode("ascii")  # still percent-encoded, so without control characters
        status, problem, caller = state["status"], state["problem"], client[0] if client else None
        self.access_log.add(
            Finished(
                state["request_id"],
                scope["method"],
                path,
                _route_of(scope),
                status,
                problem,
                seconds,
                caller,
                time.time(),
            )
        )


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that a request has, if it is well-formed, or a new one."""
    given = next((value for name, value in headers if name == REQUEST_ID), b"")
    # uuid4 would make a system call, during which another thread may take the interpreter for milliseconds.
    return given.decode() if _SAFE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def _route_of(scope: Scope) -> str:
    """Return the path of the request's route. Requests refused by middleware have not been routed yet."""
    route = scope.get("route")
    if route is None:
        route = next((one for one in scope["app"].routes if one.matches(scope)[0] is Match.FULL), None)
    return getattr(route, "path", "none")


class CatchFailures:
    """Log every exception that nothing else handled, and answer it with 500, or with 503 if something ran out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            response = failure_response(Request(scope), error)
            if scope["state"]["status"]:  # part of an answer is sent: let the server close the connection
                raise
            await response(scope, receive, send)


class BodyLimit:
    """Refuse bodies above a limit, by their declared length or as they arrive.

    The limit is that of the setting `max_body_bytes`, of changes of documents `max_upsert_bytes`, of an upload
    `max_snapshot_bytes`. Also refuse bodies that take longer than `receive_seconds` to arrive. Bodies count towards
    `memory`, where every request has a lease; an upload is written to disk as it arrives, and only its parts must
    arrive in that time.
    """

    def __init__(self, app: ASGIApp, settings: Settings, memory: MemoryBudget) -> None:
        self.app, self.settings, self.seconds, self.memory = app, settings, settings.receive_seconds, memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        size = int(declared) if declared.isdigit() else 0
        received, complete = 0, False
        loop, setting = asyncio.get_running_loop(), self._setting(scope)
        uploads = setting == "max_snapshot_bytes"
        deadline = loop.time() + self.seconds

        async def receive_limited() -> Message:
            nonlocal received, complete
            if complete:  # only the end of the connection is left to receive
                return await receive()
            self._check(size, setting)
            try:
                async with asyncio.timeout_at(loop.time() + self.seconds if uploads else deadline):
                    message = await receive()
            except TimeoutError:
                found = f"found {received} bytes of the body after {self.seconds:g} seconds"
                raise HTTPException(
                    408, f"{found}, expected all of it (setting receive_seconds)", {"Connection": "close"}
                ) from None
            arrived = len(message.get("body", b""))
            received += arrived
            complete = not message.get("more_body", False)
            self._check(received, setting)
            if not uploads:
                lease.grow(arrived * PARSED_SIZE)
            return message

        with self.memory.lease() as lease:
            await self.app(scope, receive_limited, send)

    def _setting(self, scope: Scope) -> str:
        """Return the setting that limits a request's body."""
        if scope["method"] == "POST" and scope["path"].endswith(":restore"):
            return "max_snapshot_bytes"
        changes = scope["method"] in ("PUT", "PATCH") or scope["path"].endswith(CHANGES_BY_POST)
        return "max_upsert_bytes" if changes else "max_body_bytes"

    def _check(self, size: int, setting: str) -> None:
        most = getattr(self.settings, setting)
        if size > most:
            raise HTTPException(
                413, f"found a body of {size} bytes or more, expected at most {most} (setting {setting})"
            )


class Deadline:
    """Stop the searches of a request after `milliseconds`, or when its client disconnects.

    `running` holds the Stop of every request in progress.
    """

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
    """Set `stop` when the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()
