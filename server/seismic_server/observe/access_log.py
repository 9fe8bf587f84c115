"""Log lines and metrics of finished requests, in batches: single ones find the processor's caches cold."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from seismic_server.observe.echo import clip
from seismic_server.observe.metrics import Metrics, popped
from seismic_server.observe.throttle import LogThrottle

SECONDS = 0.01
"""Longest time that a finished request waits for its line."""

MOST_WAITING = 256
"""Finished requests whose lines are written at once."""


class Finished(NamedTuple):
    """A request that ended at `ended` (`time.time`) after `seconds`. `path` is percent-encoded; `problem`: None if it
    was answered as asked."""

    request_id: str
    method: str
    path: str
    route: str
    status: int
    problem: str | None
    seconds: float
    client: str | None
    ended: float


class AccessLog:
    """Count requests and log one line for each. The throttle drops lines during floods of refusals.

    Belongs to the event loop, except `flush`, which any thread may call.
    """

    def __init__(self, metrics: Metrics, throttle: LogThrottle) -> None:
        self._metrics, self._throttle = metrics, throttle
        self._log = structlog.get_logger("seismic_server.access").bind()  # once, not for every line
        self._waiting: deque[tuple[Finished, bool]] = deque()  # its append and popleft are atomic
        self._timer: asyncio.TimerHandle | None = None
        metrics.before_reading(self.flush)

    def add(self, request: Finished) -> None:
        """Count and log a request soon."""
        shown = not (request.problem and self._throttle.hides(request.problem))
        self._waiting.append((request, shown))
        if len(self._waiting) >= MOST_WAITING:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self._on_time)

    def flush(self) -> None:
        """Count and log all requests that wait."""
        lines, enabled = [], self._log.is_enabled_for(logging.INFO)
        for request, shown in popped(self._waiting):
            self._metrics.count_request(request.route, request.status, request.seconds, request.problem)
            if shown and enabled:
                lines += self._line(request)
        if lines:
            self._log._logger.msg("\n".join(lines))

    def _on_time(self) -> None:
        self._timer = None
        self.flush()

    def _line(self, request: Finished) -> list[str]:
        """Return the line of a request as structlog's processors write it; none if they drop it."""
        fields = {
            "method": request.method,
            "path": clip(request.path),
            "status": request.status,
            "duration_ms": round(request.seconds * 1000, 3),
            "client": request.client,
            "request_id": request.request_id,
            "timestamp": datetime.fromtimestamp(request.ended, UTC).isoformat().replace("+00:00", "Z"),
        }
        try:
            (line,), _ = self._log._process_event("info", "request", fields)
        except structlog.DropEvent:
            return []
        return [line]
