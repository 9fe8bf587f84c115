"""Who gets in: nobody while the service ends, with a key only if there are keys, not too often, and no search while the
queue is full."""

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
from seismic_server.pool import SearchPool

HOLD_SECONDS = 0.25, 0.5
"""How long a search waits for its refusal while the queue is full, at least and at most: clients that ask again at
once, as none should, do so less often, and leave the processor to those that get an answer. Less than `CUT_SECONDS`, in
which the service ends."""

MOST_HELD = 1024
"""Refusals that wait; more are sent at once. One takes about 10 kB."""


class AdmissionControl:
    """Open, until the service ends."""

    def __init__(self, keyring: Keyring | None, rates: Rates, pool: SearchPool) -> None:
        self.closing = False
        self._keyring, self._rates, self._pool = keyring, rates, pool
        self._held = 0

    def admit(self, scope: Scope) -> Key | None:
        """The key of a request. Raises DrainingError, UnauthorizedError, ForbiddenError, RateLimitError or
        OverloadedError."""
        path, key = scope["path"].removeprefix(scope.get("root_path", "")), None
        if auth.is_open(path):
            return None
        if self.closing:
            raise DrainingError("the service is about to end; ask another one, or again later")
        caller = scope["client"][0] if scope.get("client") else ""
        if self._keyring:
            secret = auth.secret_of(scope["headers"])
            key = self._keyring.find(secret) if secret else None
            auth.check(key, secret is not None, scope["method"], path)
            caller = key.id if key else ""
        if wait := self._rates.take(caller):
            error = RateLimitError("found too many requests, expected fewer (settings rate_limit, rate_burst)")
            error.retry_after = wait
            raise error
        if self._pool.full and auth.searches(scope["method"], path):  # before anything is read or looked at
            raise self._pool.overloaded()
        return key

    async def hold(self) -> None:
        """Let a client wait that the queue had no room for."""
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(random.uniform(*HOLD_SECONDS))
            finally:
                self._held -= 1


class Admission:
    """Admits or refuses a request before its body is read; the key of an admitted one is `request.state.key`."""

    def __init__(self, app: ASGIApp, admission: AdmissionControl) -> None:
        self.app, self.admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] == "http":
            try:
                scope["state"]["key"] = self.admission.admit(scope)
            except SeismicError as error:
                if isinstance(error, OverloadedError):
                    await self.admission.hold()
                await error_response(Request(scope), error)(scope, receive, send)
                return
        await self.app(scope, receive, send)
