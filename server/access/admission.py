"""Who gets in: nobody while the service ends, with a key only if there are keys, and not too often."""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from seismic import SeismicError
from seismic.errors import DrainingError, RateLimitError
from server.access import auth
from server.access.keys import Key, Keyring
from server.access.limits import Rates
from server.http.errors import error_response


class Door:
    """Open, until the service ends."""

    def __init__(self, keyring: Keyring | None, rates: Rates) -> None:
        self.closing = False
        self._keyring, self._rates = keyring, rates

    def admit(self, scope: Scope) -> Key | None:
        """The key of a request. Raises DrainingError, UnauthorizedError, ForbiddenError or RateLimitError."""
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
        return key


class Admission:
    """Asks the door before anything is read of a request; what is admitted has its key as `request.state.key`."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] == "http":
            try:
                scope["state"]["key"] = self.door.admit(scope)
            except SeismicError as error:
                await error_response(Request(scope), error)(scope, receive, send)
                return
        await self.app(scope, receive, send)
