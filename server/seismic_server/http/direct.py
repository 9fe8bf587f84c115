"""Direct dispatch of the search routes, past FastAPI."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from seismic_server.http.json_body import check_type, parse_body
from seismic_server.http.strict_route import refuse_unknown
from seismic_server.observe import tracing


def direct_routes(router: APIRouter) -> list[Route]:
    """Return Starlette routes to the endpoints of `router`, which FastAPI describes but does not call.

    Resolving an endpoint's parameters and passing FastAPI's own middleware costs more than everything else before a
    search starts; docs/benchmarks/decisions-server.md has the figures. Endpoints take `name`, `body` and `service`, and
    return a Response. tests/server/test_direct.py compares every answer with FastAPI's own.
    """
    return [
        Route(route.path, _Direct(route), methods=list(route.methods or ()))
        for route in router.routes
        if isinstance(route, APIRoute)
    ]


class Otherwise(BaseRoute):
    """The route of all remaining paths. Starlette's Mount does not match those with line feeds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match every request."""
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unchanged."""
        await self.app(scope, receive, send)


class _Direct:
    """The ASGI application of one route."""

    def __init__(self, route: APIRoute) -> None:
        assert route.body_field is not None
        assert route.body_field.field_info.annotation is not None
        self._route = route
        self._endpoint = cast(Callable[..., Coroutine[Any, Any, Response]], route.endpoint)
        self._body_type: TypeAdapter[Any] = TypeAdapter(route.body_field.field_info.annotation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Parse the body, call the endpoint and send its response. Errors are the application's to answer."""
        scope["route"] = self._route  # names the request in metrics and traces
        request = Request(scope, receive)
        check_type(request)
        refuse_unknown(request)
        content = await request.body()
        tracing.parsing_begins()
        body = parse_body(content, self._body_type)
        response = await self._endpoint(scope["path_params"]["name"], body, scope["app"].state.service)
        await response(scope, receive, send)
