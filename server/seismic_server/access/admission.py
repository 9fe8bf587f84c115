"""Admission of requests: refused during shutdown, without sufficient permissions, too often, or with a full queue."""

import asyncio
import random

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from seismic import SeismicError
from seismic.errors import DrainingError, OverloadedError, RateLimitError
from seismic_server.access import auth
from seismic_server.access.keys import Key, Keyring
from seismic_server.access.limits import Rates
from seismic_server.http.errors import error_response
from seismic_server.memory.budget import MemoryBudget
from seismic_server.pool import SearchPool

HOLD_SECONDS = 0.25, 0.5
"""Shortest and longest delay of a refusal while the queue is full.

It slows clients that retry at once, and leaves the processor to searches. It must stay below `CUT_SECONDS`, the time
that stopped requests have during shutdown.
"""

MOST_HELD = 1024
"""Refusals that may be delayed at a time; more are sent at once. Each holds about 10 kB."""


def draining() -> DrainingError:
    """Return the error of requests during a shutdown."""
    return DrainingError("the service is shutting down; use another instance, or retry later")


class AdmissionControl:
    """Decides on every request before its body is read. `closing` is set when shutdown starts."""

    def __init__(self, keyring: Keyring | None, rates: Rates, pool: SearchPool, memory: MemoryBudget) -> None:
        self.closing = False
        self._keyring, self._rates, self._pool, self._memory = keyring, rates, pool, memory
        self._held = 0

    def admit(self, scope: Scope) -> Key | None:
        """Return the key of an admitted request, or None if it needs none.

        Raises DrainingError, UnauthorizedError, ForbiddenError, RateLimitError or OverloadedError.
        """
        path, key = scope["path"].removeprefix(scope.get("root_path", "")), None
        if auth.is_open(path):
            return None
        if self.closing:
            raise draining()
        caller = scope["client"][0] if scope.get("client") else ""
        if self._keyring:
            secret = auth.secret_of(scope["headers"], path)
            key = self._keyring.find(secret) if secret else None
            auth.check(key, secret is not None, scope["method"], path)
            caller = key.id if key else ""
        if wait := self._rates.take(caller):
            error = RateLimitError("found too many requests, expected fewer (settings rate_limit, rate_burst)")
            error.retry_after = wait
            raise error
        if self._pool.full and auth.searches(scope["method"], path):  # before any work is done for it
            raise self._pool.overloaded()
        self._memory.check()
        return key

    async def hold(self) -> None:
        """Delay the refusal of a request that found the queue full."""
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(random.uniform(*HOLD_SECONDS))
            finally:
                self._held -= 1


class Admission:
    """Middleware that admits or refuses requests. The key of an admitted one is `request.state.key`.

    A request that has one was admitted by the shortcut of plain searches.
    """

    def __init__(self, app: ASGIApp, admission: AdmissionControl) -> None:
        self.app, self.admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] == "http" and "key" not in scope["state"]:
            try:
                scope["state"]["key"] = self.admission.admit(scope)
            except SeismicError as error:
                if isinstance(error, OverloadedError):
                    await self.admission.hold()
                await error_response(Request(scope), error)(scope, receive, send)
                return
        await self.app(scope, receive, send)
