"""Routes of the OpenSearch API: their methods, query parameters, indices and answers."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

from fastapi import Request, Response
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from seismic import Index
from seismic.errors import IndexNotFoundError, SeismicError
from seismic_server.access.auth import permit
from seismic_server.compat.opensearch.bodies import json_of, parameters_of
from seismic_server.compat.opensearch.errors import RefusedError, refusal_of
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.http.parts import JsonParts
from seismic_server.service import Service

PREFIX = "/opensearch"


class _IndexName(Convertor[str]):
    """The name of an index: paths of OpenSearch itself begin with an underscore."""

    regex = r"[^_/][^/]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("index", _IndexName())


class Call(NamedTuple):
    """A request: the running service, the query parameters, and what its path names: an index and a document."""

    request: Request
    service: Service
    parameters: Mapping[str, str]
    name: str
    id: str

    async def json(self) -> dict[str, Any]:
        """Return the body as an object. Raises RefusedError."""
        return await json_of(self.request, self.service)

    def permits(self, name: str) -> bool:
        """Return whether the key permits a collection or an alias."""
        key = self.request.state.key
        return key is None or key.collections is None or name in key.collections

    def own_name(self, name: str) -> str:
        """Return the name of an index that may be named by an alias."""
        served = self.service.collections
        return served[name].name if served.is_open(name) else name

    def check(self, name: str) -> None:
        """Raise RefusedError unless a name is that of one index, and ForbiddenError if the key does not permit it."""
        check_one(name)
        permit(self.request.state.key, name)

    def ready(self, name: str) -> Index:
        """Return an index that the key permits, frozen. Raises RefusedError, ForbiddenError and NotReadyError."""
        self.check(name)
        return self.served(name)

    def served(self, name: str) -> Index:
        """Return an index, frozen, whatever the key permits. Raises RefusedError and NotReadyError."""
        try:
            return self.service.collections.ready(name).frozen()
        except IndexNotFoundError:
            raise missing(name) from None


Endpoint: TypeAlias = Callable[[Call], Awaitable[Any]]
"""Returns an answer as JSON, or as parts of it, or as a response."""


class Method(NamedTuple):
    """What answers a method of a path, and its query parameters."""

    endpoint: Endpoint
    parameters: Collection[str] = ()


def route(path: str, **methods: Method | Endpoint) -> Route:
    """Return the route of a path, with an endpoint for each method."""
    known = {name: method if isinstance(method, Method) else Method(method) for name, method in methods.items()}

    async def handle(request: Request) -> Response:
        method = known[request.method]
        parameters = parameters_of(request, method.parameters)
        named = request.path_params
        service: Service = request.app.state.service
        call = Call(request, service, parameters, named.get("index", ""), named.get("id", ""))
        try:
            return _response(await method.endpoint(call))
        except SeismicError as error:
            raise _worded(error) from None

    made = Route(path, handle, methods=list(known))
    made.methods = set(known)  # without Starlette's HEAD, which a middleware answers as GET
    made.path = f"{PREFIX}{path}"  # as metrics name it
    return made


def check_one(name: str) -> None:
    """Raise RefusedError unless a name is that of one index."""
    if not name or name == "_all" or any(mark in name for mark in ",*"):
        raise RefusedError(f"found index [{name}], expected the name of one index or alias")


def missing(name: str) -> RefusedError:
    """Return the error of an index that does not exist."""
    return RefusedError(f"no such index [{name}]", "index_not_found_exception", 404, index=name)


def _worded(error: SeismicError) -> SeismicError:
    """Return an error of a request as OpenSearch words it; those of the service's own stay for its handlers."""
    refusal = refusal_of(error)
    return refusal if refusal.status == 400 else error


def _response(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    return JsonParts(answer.parts if isinstance(answer, Body) else [encode(answer)])


def with_status(answer: Any, status: int) -> Response:
    """Return an answer as a response with a status."""
    response = _response(answer)
    response.status_code = status
    return response
