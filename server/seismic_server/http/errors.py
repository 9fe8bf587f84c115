"""Problem documents (RFC 9457), the form of every error, and the table from exceptions to problems."""

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from seismic import (
    DeadlineError,
    EncoderError,
    FilterError,
    IndexNotFoundError,
    InputError,
    LockedError,
    OutputExistsError,
    ParameterError,
    QueryError,
    SeismicError,
    StoppedError,
    StorageError,
)
from seismic.errors import (
    ConflictError,
    DocumentNotFoundError,
    DrainingError,
    ForbiddenError,
    FullDiskError,
    NotFoundError,
    NotReadyError,
    OverloadedError,
    RateLimitError,
    ReadOnlyError,
    TooManyFilesError,
    UnauthorizedError,
    UnavailableError,
)
from seismic.params import flattened
from seismic.store.failures import storage_error
from seismic_server.http.shortage import shortage_of
from seismic_server.observe.echo import clip, printable

MEDIA_TYPE = "application/problem+json"
MAX_LISTED = 20
"""Wrong fields that are listed; the rest is counted, because a hostile body can break a rule at every element."""

MOST_OF_FIELD = 200
"""Characters of a pointer, whose parts are names that the request chose."""

_PARTS = re.compile(r'\w+|"(?:[^"\\]|\\.)*"')
"""The names and numbers of a path such as `filter.must[1]["a b"]`."""

_OBJECT = "expected an object"
_WORDS = {"model_attributes_type": _OBJECT, "model_type": _OBJECT, "dict_type": _OBJECT}

Dialect: TypeAlias = Callable[[Request, int, str, Mapping[str, str]], Response]
"""Makes the error of another API of a request, an HTTP status, a text and headers."""

log = structlog.get_logger("server")


class FieldProblem(BaseModel):
    """A wrong field of the request body."""

    pointer: str = Field(
        description="Place in the body, as a JSON pointer; `?name` for a query parameter",
        examples=["#/query/values/3"],
    )
    detail: str = Field(examples=["input should be greater than 0 (found -1.0)"])


class Conflict(BaseModel):
    """A document that is not as a conditional change expects."""

    id: str | int
    sequence: int = Field(description="Sequence of the last change that named the document")


class Problem(BaseModel):
    """What went wrong, as an RFC 9457 problem document."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="URI of the kind of problem", examples=["urn:problem-type:seismic:overloaded"])
    title: str = Field(description="Summary, equal for all problems of this type")
    status: int = Field(description="HTTP status", examples=[422])
    detail: str = Field(description="What was found, what was expected, and what to do")
    instance: str = Field(description="Path of the request", examples=["/v1/collections/scifact/search"])
    request_id: str = Field(description="Request id, as in the X-Request-ID header and the server's log")
    errors: list[FieldProblem] = Field(default=[], description=f"The first {MAX_LISTED} wrong fields of the body")
    conflicts: list[Conflict] = Field(default=[], description="A few of the documents that are not as expected")


class Kind(NamedTuple):
    """A type of problem."""

    status: int
    slug: str | None  # None: the HTTP status says everything
    title: str
    retry_after: int | None = None  # seconds
    headers: Mapping[str, str] = {}

    @classmethod
    def of_status(cls, status: int) -> "Kind":
        """Return the type of problem of a bare HTTP status."""
        return cls(status, None, HTTPStatus(status).phrase)


KINDS: dict[type[SeismicError], Kind] = {
    QueryError: Kind(422, "invalid-query", "The query cannot be understood"),
    FilterError: Kind(422, "invalid-filter", "The filter does not fit the collection"),
    ParameterError: Kind(422, "invalid-parameter", "A parameter is unknown or out of range"),
    InputError: Kind(422, "invalid-input", "The request is not valid"),
    IndexNotFoundError: Kind(404, "no-such-collection", "There is no such collection"),
    DocumentNotFoundError: Kind(404, "no-such-document", "There is no such document"),
    NotFoundError: Kind(404, "not-found", "There is no such thing"),
    ConflictError: Kind(409, "conflict", "The present state forbids the change"),
    OutputExistsError: Kind(409, "exists", "The name is in use"),
    UnauthorizedError: Kind(
        401, "unauthorized", "A key is needed", headers={"WWW-Authenticate": 'Bearer realm="seismic"'}
    ),
    ForbiddenError: Kind(403, "forbidden", "Insufficient permissions"),
    RateLimitError: Kind(429, "rate-limit", "Too many requests", retry_after=1),
    StoppedError: Kind(499, "client-gone", "The client disconnected"),
    DrainingError: Kind(503, "draining", "The service is shutting down", 1, headers={"Connection": "close"}),
    DeadlineError: Kind(504, "deadline", "The deadline has passed"),
    LockedError: Kind(503, "locked", "Another process writes to the collection", retry_after=1),
    NotReadyError: Kind(503, "not-ready", "Not ready yet", retry_after=1),
    OverloadedError: Kind(503, "overloaded", "The service is overloaded", retry_after=1),
    UnavailableError: Kind(503, "unavailable", "Nodes of the collection do not answer", retry_after=1),
    EncoderError: Kind(500, "encoder", "The collection's encoder cannot be used"),
    FullDiskError: Kind(507, "full-disk", "The disk is full"),
    ReadOnlyError: Kind(503, "read-only", "The collection cannot be written"),
    TooManyFilesError: Kind(503, "too-many-files", "Too many files are open", retry_after=1),
    StorageError: Kind(500, "storage", "The files of the collection cannot be read"),
    SeismicError: Kind.of_status(500),
}
"""Exception to type of problem; the closest ancestor applies."""


def problem_response(
    request: Request,
    kind: Kind,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    conflicts: Sequence[tuple[str | int, int]] = (),
) -> Response:
    """Return a problem document as a response, or the error of the other API that the request is for."""
    request.state.problem = kind.slug or str(kind.status)
    retry = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    sent = {**retry, **kind.headers, **(headers or {})}
    if dialect := _dialect(request):
        return dialect(request, kind.status, clip(printable(detail)), sent)
    problem = Problem(
        type=type_of(kind),
        title=kind.title,
        status=kind.status,
        detail=clip(printable(detail)),
        instance=clip(quote(request.scope["path"], safe="/:")),
        request_id=request.state.request_id,
        errors=[
            FieldProblem(pointer=clip(printable(one.pointer), MOST_OF_FIELD), detail=clip(printable(one.detail)))
            for one in errors
        ],
        conflicts=[Conflict(id=id, sequence=sequence) for id, sequence in conflicts],
    )
    body = orjson.dumps(problem.model_dump(exclude_defaults=True))
    return Response(body, kind.status, sent, MEDIA_TYPE)


def _dialect(request: Request) -> Dialect | None:
    """Return what makes the errors of another API if the request is below its prefix."""
    dialects: Mapping[str, Dialect] = getattr(request.app.state, "dialects", {})
    if not dialects:
        return None
    scope = request.scope
    path = scope["path"].removeprefix(scope.get("app_root_path", scope.get("root_path", "")))
    return dialects.get(path.split("/", 2)[1] if "/" in path else "")


def type_of(kind: Kind) -> str:
    """Return the URI of a type of problem."""
    return f"urn:problem-type:seismic:{kind.slug}" if kind.slug else "about:blank"


def error_response(request: Request, error: SeismicError) -> Response:
    """Return the problem document of an error that the client may see."""
    kind = kind_of(error)
    wait = error.retry_after if isinstance(error, UnavailableError) else 0
    headers = {"Retry-After": str(math.ceil(wait))} if wait else {}
    fields = (
        [FieldProblem(pointer=_pointer_to(error.path), detail=error.problem)] if isinstance(error, FilterError) else []
    )
    conflicts = error.conflicts if isinstance(error, ConflictError) else ()
    return problem_response(request, kind, str(error), fields, headers, conflicts)


def kind_of(error: Exception) -> Kind:
    """Return the type of problem of an error of this project."""
    return next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)


def failure_response(request: Request, error: Exception, kind: Kind = KINDS[SeismicError]) -> Response:
    """Log an error whose message may name files of this machine, and return its answer."""
    if short := shortage_of(error):
        log.error("request refused", problem=str(short), exc_info=error)
        return error_response(request, short)
    log.error("request failed", exc_info=error)
    detail = f"the server failed; its log has the cause under request id {request.state.request_id}"
    return problem_response(request, kind, detail)


async def _on_seismic_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SeismicError)
    kind = kind_of(error)
    if isinstance(error, FullDiskError | ReadOnlyError | TooManyFilesError):
        log.error("request failed", exc_info=error)  # the message names files of this machine
        detail = f"{kind.title}; the server's log names the file under request id {request.state.request_id}"
        return problem_response(request, kind, detail)
    if isinstance(error, LockedError | IndexNotFoundError | OutputExistsError) and _names_files(request, error):
        log.warning("request refused", problem=str(error))
        return problem_response(request, kind, f"{kind.title}; the server's log names the files")
    if kind.status != 500:
        return error_response(request, error)
    return failure_response(request, error, kind)


def _names_files(request: Request, error: SeismicError) -> bool:
    """Return whether a message names the files of this machine."""
    directory = request.app.state.service.settings.directory
    named = (str(directory.absolute()), str(directory.resolve()))
    return isinstance(error, LockedError) or any(one in str(error) for one in named)


async def _on_system_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    named = storage_error("use", "a file", error)
    if kind_of(named) is KINDS[StorageError]:
        raise error  # a failure like any other
    return await _on_seismic_error(request, named)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail, headers = error.detail, error.headers
    if error.status_code == 404:
        detail = f"found {quote(request.scope['path'])}, expected one of the routes that /docs lists"
    elif error.status_code == 405:
        headers = {"Allow": _allowed(request, (error.headers or {}).get("Allow", ""))}
        detail = f"found {request.method}, expected {headers['Allow'] or 'another method'}"
    return problem_response(request, Kind.of_status(error.status_code), detail, headers=headers)


def _allowed(request: Request, named: str) -> str:
    """Return the methods of all routes with the path of the route that refused the method; it names only its own."""
    routes: Sequence[APIRoute] = getattr(request.app.state, "routes", ())
    routes = sorted(routes, key=lambda route: "}:" not in route.path)  # a verb may also be part of a name
    refused = next((route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE), None)
    methods = {method for route in routes if route.path == refused for method in route.methods or ()}
    return ", ".join(sorted(methods)) or named


async def _on_client_gone(request: Request, error: Exception) -> Response:
    """Answer nobody, so that log and metrics tell this from a failure of the server."""
    assert isinstance(error, ClientDisconnect)
    return error_response(request, StoppedError("the client disconnected before its body had arrived"))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [one for problem in error.errors() for one in flattened(problem)]
    first = problems[0]
    if first["type"] == "json_invalid":
        detail = f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][1]}"
        return problem_response(request, Kind.of_status(400), detail)
    fields = [
        FieldProblem(pointer=_pointer(problem, error.body), detail=_explain(problem))
        for problem in problems[:MAX_LISTED]
    ]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    detail = f"{clip(fields[0].pointer, MOST_OF_FIELD)}: {fields[0].detail}{more}"
    return problem_response(request, KINDS[InputError], detail, fields)


HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    SeismicError: _on_seismic_error,
    HTTPException: _on_http_error,
    RequestValidationError: _on_invalid_request,
    ClientDisconnect: _on_client_gone,
    OSError: _on_system_error,
}
"""Exception handlers that answer with problem documents."""


def _pointer(problem: Mapping[str, Any], body: Any) -> str:
    """Return the JSON pointer of a field, or `?name` of a query parameter.

    Parts of `loc` that the body lacks name the branches of a union.
    """
    if problem["loc"][0] == "query":
        return f"?{problem['loc'][1]}"
    path, node = [], body
    for part in problem["loc"][1:]:
        if (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int)):
            node = node[part]
            path.append(part)
    if problem["type"] == "missing":
        path += problem["loc"][1:][-1:]
    return _to_pointer(path)


def _to_pointer(path: Iterable[Any]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(["#", *("/" + quote(part, safe="~") for part in escaped)])


def _pointer_to(path: str) -> str:
    """Return the JSON pointer of a FilterError's path."""
    parts = (json.loads(part) if part.startswith('"') else part for part in _PARTS.findall(path))
    return _to_pointer(parts)


def _explain(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "missing":
        return "field is missing" if len(problem["loc"]) > 1 else "the body is empty, expected a JSON object"
    if problem["type"] == "extra_forbidden":
        return "; ".join(("unknown field", *problem.get("ctx", {}).values()))
    if problem["type"] == "value_error":  # from a validator of ours, whose message says what it found
        return str(problem["ctx"]["error"])
    message = _WORDS.get(problem["type"], problem["msg"])
    return f"{message[:1].lower()}{message[1:]} (found {_excerpt(problem['input'])})"


def _excerpt(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something deeply nested"
    return text if len(text) <= 60 else text[:60] + "..."
