"""The router of the Qdrant API."""

import orjson
from fastapi import Request, Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

import seismic
from seismic_server.compat.qdrant import collections
from seismic_server.compat.qdrant.routing import route
from seismic_server.http.errors import HANDLERS
from seismic_server.http.middleware import CatchFailures

VERSION = "1.20.0"
"""The version of Qdrant whose API this is. Clients compare it with their own."""


def create_qdrant() -> Starlette:
    """Return the router."""
    return Starlette(
        routes=[
            Route("/", _about, methods=["GET"]),
            *(Route(path, _healthy, methods=["GET"]) for path in ("/healthz", "/livez", "/readyz")),
            route("GET", "/collections", collections.names),
            route("GET", "/collections/{name}/exists", collections.exists),
        ],
        middleware=[Middleware(CatchFailures)],  # before Starlette's own answer to failures, which is plain text
        exception_handlers=HANDLERS,
    )


async def _about(_request: Request) -> Response:
    content = {"title": f"Seismic {seismic.__version__}, with the API of Qdrant", "version": VERSION, "commit": ""}
    return Response(orjson.dumps(content), media_type="application/json")


async def _healthy(request: Request) -> Response:
    if request.url.path.endswith("readyz"):
        request.app.state.service.collections.check_ready(named=False)
    return Response("healthz check passed", media_type="text/plain")
