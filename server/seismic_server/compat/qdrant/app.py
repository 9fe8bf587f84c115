"""The router of the Qdrant API."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import orjson
from fastapi import Request, Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

import seismic
from seismic import InputError
from seismic_server.compat.qdrant import (
    aliases,
    bodies,
    change_bodies,
    changes,
    collections,
    points,
    queries,
    read_bodies,
)
from seismic_server.compat.qdrant.routing import route
from seismic_server.http.errors import HANDLERS, Kind, problem_response
from seismic_server.http.middleware import CatchFailures

VERSION = "1.20.0"
"""The version of Qdrant whose API this is. Clients compare it with their own."""

_ONE = "/collections/{name}"
_POINTS = f"{_ONE}/points"

_UNSUPPORTED = {
    f"{_POINTS}/search{{rest:path}}": "use points/query, which replaces points/search; matrices are not supported",
    f"{_POINTS}/recommend{{rest:path}}": "recommendations are not supported; search by one point's id",
    f"{_POINTS}/discover{{rest:path}}": "discovery is not supported; search by one point's id",
    f"{_ONE}/shards{{rest:path}}": "shards are not supported",
    f"{_ONE}/snapshots{{rest:path}}": "snapshots are made by POST /v1/collections/NAME:snapshot",
    f"{_ONE}/cluster": "clusters are not supported",
    f"{_ONE}/vectors{{rest:path}}": "vectors of a collection are declared when it is created",
    "/snapshots{rest:path}": "snapshots are made by POST /v1/collections/NAME:snapshot",
    "/cluster{rest:path}": "clusters are not supported",
    "/telemetry": "telemetry is not supported; /metrics of the service has its metrics",
    "/metrics": "/metrics of the service, without the prefix, has its metrics",
    "/locks": "locks are not supported",
}
"""Paths of Qdrant that are refused in words."""


def create_qdrant() -> Starlette:
    """Return the router."""
    return Starlette(
        routes=[
            Route("/", _about, methods=["GET"]),
            *(Route(path, _healthy, methods=["GET"]) for path in ("/healthz", "/livez", "/readyz")),
            *_collection_routes(),
            *_point_routes(),
            *(Route(path, _refusal(words), methods=_METHODS) for path, words in _UNSUPPORTED.items()),
        ],
        middleware=[Middleware(CatchFailures)],  # before Starlette's own answer to failures, which is plain text
        exception_handlers={**HANDLERS, 404: _unknown_path},
    )


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _collection_routes() -> list[Route]:
    return [
        route("GET", "/collections", collections.names),
        route("POST", "/collections/aliases", aliases.update, bodies.AliasActions),
        route("GET", "/aliases", aliases.listed),
        route("GET", _ONE, collections.info),
        route("PUT", _ONE, collections.create, bodies.CreateCollection),
        route("PATCH", _ONE, collections.update, bodies.UpdateCollection),
        route("DELETE", _ONE, collections.drop),
        route("GET", f"{_ONE}/exists", collections.exists),
        route("GET", f"{_ONE}/aliases", aliases.listed),
        route("PUT", f"{_ONE}/index", collections.create_index, bodies.FieldIndex),
        route("DELETE", f"{_ONE}/index/{{key:path}}", collections.delete_index),
    ]


def _point_routes() -> list[Route]:
    return [
        route("PUT", _POINTS, changes.upsert, change_bodies.Upsert),
        route("POST", _POINTS, points.retrieve, read_bodies.Retrieve),
        route("POST", f"{_POINTS}/query", queries.query, read_bodies.Query),
        route("POST", f"{_POINTS}/query/batch", queries.query_batch, read_bodies.Queries),
        route("POST", f"{_POINTS}/query/groups", queries.query_groups, read_bodies.GroupQuery),
        route("POST", f"{_POINTS}/scroll", points.scroll, read_bodies.Scroll),
        route("POST", f"{_POINTS}/count", points.count, read_bodies.CountPoints),
        route("POST", f"{_ONE}/facet", points.facet, read_bodies.Facet),
        route("POST", f"{_POINTS}/delete", changes.delete, change_bodies.Selection),
        route("POST", f"{_POINTS}/payload", changes.set_payload, change_bodies.SetPayload),
        route("PUT", f"{_POINTS}/payload", changes.overwrite_payload, change_bodies.SetPayload),
        route("POST", f"{_POINTS}/payload/delete", changes.delete_payload, change_bodies.DeletePayload),
        route("POST", f"{_POINTS}/payload/clear", changes.clear_payload, change_bodies.Selection),
        route("PUT", f"{_POINTS}/vectors", changes.update_vectors, change_bodies.UpdateVectors),
        route("POST", f"{_POINTS}/vectors/delete", changes.delete_vectors, change_bodies.DeleteVectors),
        route("POST", f"{_POINTS}/batch", changes.batch, change_bodies.Operations),
        route("GET", f"{_POINTS}/{{id}}", points.get),
    ]


async def _unknown_path(request: Request, _error: Exception) -> Response:
    found = quote(request.scope["path"])
    return problem_response(request, Kind.of_status(404), f"found {found}, expected a path of Qdrant's API")


async def _about(_request: Request) -> Response:
    content = {"title": f"Seismic {seismic.__version__}, with the API of Qdrant", "version": VERSION, "commit": ""}
    return Response(orjson.dumps(content), media_type="application/json")


async def _healthy(request: Request) -> Response:
    if request.url.path.endswith("readyz"):
        request.app.state.service.collections.check_ready(named=False)
    return Response("healthz check passed", media_type="text/plain")


def _refusal(words: str) -> Callable[[Request], Awaitable[Response]]:
    async def refuse(_request: Request) -> Response:
        raise InputError(words)

    return refuse
