"""Routes of the Qdrant API: their bodies, query parameters and answers."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import orjson
from fastapi import Request, Response
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.routing import Route

from seismic import Index
from seismic.errors import IndexNotFoundError
from seismic.stop import current
from seismic_server.collections.served import Collection
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.http.json_body import check_type, parse_body
from seismic_server.http.parts import JsonParts
from seismic_server.http.strict_route import refuse_unknown
from seismic_server.service import Service

PARAMETERS = ("wait", "ordering", "consistency", "timeout")
"""Query parameters of any request. A change is always waited for, and a read sees every change before it."""

B = TypeVar("B")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A request: the running service, the validated body, and the collection that its path names, if any."""

    request: Request
    service: Service
    body: B
    name: str

    @property
    def collection(self) -> Collection:
        """The collection. Raises IndexNotFoundError, as Qdrant words it, and NotReadyError."""
        try:
            return self.service.collections[self.name]
        except IndexNotFoundError:
            raise IndexNotFoundError(f"Not found: Collection `{self.name}` doesn't exist!") from None

    @property
    def index(self) -> Index:
        """The index of the collection, frozen. Raises like `collection`."""
        name = self.collection.name
        return self.service.collections.ready(name).frozen()

    async def read(self, function: Callable[[Index, Body], T]) -> T:
        """Return what a function makes of the index, on a thread of the search pool. It may write to the body."""
        index, body = self.index, Body(self.service.settings.max_answer_bytes)

        def run() -> T:
            current().limit = body.reserve
            return function(index, body)

        return await self.service.pool.run(run)


Endpoint = Callable[[Call[Any]], Awaitable[Any]]
"""Returns the result of a call as JSON, or as parts of it."""


def route(method: str, path: str, endpoint: Endpoint, body: Any = None) -> Route:
    """Return the route of an endpoint. `body`: the type of its body, if it takes one."""
    adapter: TypeAdapter[Any] | None = None if body is None else TypeAdapter(body)

    async def handle(request: Request) -> Response:
        request.scope["route"] = named  # for metrics
        started = time.perf_counter()
        refuse_unknown(request, PARAMETERS)
        _begin_deadline(request, time.monotonic())
        content = None
        if adapter is not None:
            check_type(request)
            content = parse_body(await request.body(), adapter)
        service: Service = request.app.state.service
        result = await endpoint(Call(request, service, content, request.path_params.get("name", "")))
        return answer(result, started)

    named = SimpleNamespace(path=f"/qdrant{path}")
    return Route(path, handle, methods=[method])


def answer(result: Any, started: float) -> Response:
    """Return the response with a result: a `Body` of JSON, or anything that JSON can hold."""
    parts = result.parts if isinstance(result, Body) else [encode(result)]
    took = orjson.dumps(round(time.perf_counter() - started, 6))
    return JsonParts([b'{"result":', *parts, b',"status":"ok","time":', took, b"}"])


def _begin_deadline(request: Request, arrived: float) -> None:
    """Start the deadline that a request asks for, in seconds. Raises HTTPException."""
    text = request.query_params.get("timeout")
    if text is None:
        return
    if not (text.isdecimal() and 1 <= int(text[:9]) <= 3600):
        raise HTTPException(400, f"?timeout: found {text[:20]!r}, expected seconds, from 1 to 3600")
    current().after(1000 * int(text), since=arrived)
