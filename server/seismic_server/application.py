"""FastAPI, and a shorter way to the routes that are asked most."""

from collections.abc import Iterable, Sequence

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from seismic_server.http.errors import answer_to
from seismic_server.http.json_route import DirectRoute
from seismic_server.http.strict_route import Handler
from seismic_server.service import Service


class Application:
    """The service as a server calls it. `api` has all its routes, and answers those that are no `DirectRoute`: to come
    to these through its layers takes as long as all else that is done for a search before its thread begins."""

    def __init__(self, api: FastAPI, service: Service, routes: Iterable[BaseRoute]) -> None:
        self.api, self.service = api, service
        self._direct = [
            (route, _within(api.user_middleware, _Direct(api, route.get_route_handler())))
            for route in routes
            if isinstance(route, DirectRoute)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the `lifespan` of `api`."""
        for route, app in self._direct if scope["type"] == "http" else ():
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                await app(scope, receive, send)
                return
        await self.api(scope, receive, send)


class _Direct:
    """Answers as `api` would, errors included, whatever else it does for those who need it."""

    def __init__(self, api: FastAPI, handle: Handler) -> None:
        self._api, self._handle = api, handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._api
        request = Request(scope, receive)
        try:
            response = await self._handle(request)
        except Exception as error:
            response = await answer_to(request, error)
        await response(scope, receive, send)


def _within(middleware: Sequence[Middleware], app: ASGIApp) -> ASGIApp:
    for kind, args, kwargs in reversed(middleware):
        app = kind(app, *args, **kwargs)
    return app
