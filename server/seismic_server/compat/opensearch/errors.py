"""Errors in OpenSearch's form: a type and a reason, with the status that its clients expect."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response

from seismic import FilterError, SeismicError
from seismic_server.http.errors import kind_of
from seismic_server.observe.echo import clip, printable


class RefusedError(SeismicError):
    """A request, or an item of one, that is answered with an error of OpenSearch. ``fields`` are added to it."""

    def __init__(self, reason: str, kind: str = "illegal_argument_exception", status: int = 400, **fields: Any) -> None:
        super().__init__(reason)
        self.kind, self.status, self.fields = kind, status, fields

    @property
    def cause(self) -> dict[str, Any]:
        """The error without its status."""
        return {"type": self.kind, "reason": clip(printable(str(self))), **self.fields}

    @property
    def body(self) -> dict[str, Any]:
        """The body of an answer with the error."""
        return {"error": {"root_cause": [self.cause], **self.cause}, "status": self.status}


class _Kind(NamedTuple):
    type: str
    status: int | None = None  # None: that of this service


_BY_PROBLEM = {
    "invalid-query": _Kind("query_shard_exception", 400),
    "invalid-filter": _Kind("query_shard_exception", 400),
    "invalid-parameter": _Kind("illegal_argument_exception", 400),
    "invalid-input": _Kind("illegal_argument_exception", 400),
    "no-such-collection": _Kind("index_not_found_exception"),
    "no-such-document": _Kind("resource_not_found_exception"),
    "not-found": _Kind("resource_not_found_exception"),
    "conflict": _Kind("version_conflict_engine_exception"),
    "exists": _Kind("resource_already_exists_exception", 400),
    "unauthorized": _Kind("security_exception"),
    "forbidden": _Kind("security_exception"),
    "rate-limit": _Kind("rejected_execution_exception"),
    "overloaded": _Kind("rejected_execution_exception", 429),
    "client-gone": _Kind("task_cancelled_exception"),
    "draining": _Kind("node_closed_exception"),
    "deadline": _Kind("timeout_exception"),
    "locked": _Kind("cluster_block_exception"),
    "read-only": _Kind("cluster_block_exception"),
    "full-disk": _Kind("cluster_block_exception"),
    "not-ready": _Kind("no_shard_available_action_exception"),
}
"""Types and statuses by the slug of a problem document."""

_BY_STATUS = {
    400: _Kind("parse_exception"),
    404: _Kind("illegal_argument_exception", 400),  # no route: OpenSearch's "no handler found"
    405: _Kind("method_not_allowed_exception"),
    408: _Kind("timeout_exception"),
    413: _Kind("content_too_long_exception"),
    415: _Kind("media_type_header_exception", 406),
}
"""Types and statuses of errors that are known by their HTTP status only."""


def refusal_of(error: SeismicError) -> RefusedError:
    """Return an error of the engine or the service as OpenSearch words it."""
    if isinstance(error, RefusedError):
        return error
    kind = kind_of(error)
    reason = error.problem if isinstance(error, FilterError) else str(error)  # its path is that of our own language
    return _refusal(kind.slug, kind.status, reason)


def _refusal(slug: str | None, status: int, reason: str) -> RefusedError:
    kind = _BY_PROBLEM.get(slug or "") or _BY_STATUS.get(status, _Kind("exception"))
    return RefusedError(reason, kind.type, kind.status or status)


def error_of(request: Request, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """Return the answer to a request that failed outside of its route, or there with an error of the service."""
    if status == 404 and request.state.problem == "404":
        detail = f"no handler found for uri [{request.scope['path']}] and method [{request.method}]"
    refused = _refusal(request.state.problem, status, detail)
    sent = {**headers, "WWW-Authenticate": 'Basic realm="seismic"'} if status == 401 else headers
    return respond(refused, sent)


async def on_refusal(request: Request, error: Exception) -> Response:
    """Return the answer to a request that is refused."""
    assert isinstance(error, RefusedError)
    request.state.problem = error.kind
    return respond(error)


def respond(refusal: RefusedError, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a response."""
    return Response(orjson.dumps(refusal.body), refusal.status, dict(headers or {}), "application/json")
