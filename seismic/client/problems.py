"""Read answers, and turn problem documents into the engine's errors."""

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx2
import orjson

from seismic.client.calls import Call
from seismic.client.retries import TEMPORARY, TemporaryError, retry_after
from seismic.errors import (
    ConflictError,
    DeadlineError,
    DocumentNotFoundError,
    DrainingError,
    EncoderError,
    FilterError,
    ForbiddenError,
    FullDiskError,
    IndexNotFoundError,
    InputError,
    LockedError,
    NotFoundError,
    NotReadyError,
    OutputExistsError,
    OverloadedError,
    ParameterError,
    QueryError,
    RateLimitError,
    ReadOnlyError,
    SeismicError,
    ServiceError,
    StoppedError,
    StorageError,
    TooManyFilesError,
    UnauthorizedError,
    UnavailableError,
)

T = TypeVar("T")

TYPE = "urn:problem-type:seismic:"
BYTES = {"Content-Type": "application/octet-stream"}
"""Headers of an upload, in place of those for JSON."""

ERRORS: dict[str, type[SeismicError]] = {
    "encoder": EncoderError,
    "exists": OutputExistsError,
    "client-gone": StoppedError,
    "conflict": ConflictError,
    "deadline": DeadlineError,
    "draining": DrainingError,
    "forbidden": ForbiddenError,
    "full-disk": FullDiskError,
    "invalid-filter": FilterError,
    "invalid-input": InputError,
    "invalid-parameter": ParameterError,
    "invalid-query": QueryError,
    "locked": LockedError,
    "no-such-collection": IndexNotFoundError,
    "no-such-document": DocumentNotFoundError,
    "not-found": NotFoundError,
    "not-ready": NotReadyError,
    "overloaded": OverloadedError,
    "rate-limit": RateLimitError,
    "read-only": ReadOnlyError,
    "storage": StorageError,
    "too-many-files": TooManyFilesError,
    "unauthorized": UnauthorizedError,
    "unavailable": UnavailableError,
}
"""Problem type (without the prefix TYPE) -> the engine's error."""


def headers(api_key: str | None) -> dict[str, str]:
    """Return the headers of every request. Whitespace around the key is stripped.

    Raises ParameterError for characters that a header cannot hold.
    """
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ParameterError("api_key: found invalid characters, expected the output of `seismic keys create`")
    return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})


def read(call: Call[T], response: httpx2.Response) -> T:
    """Return the answer. Raises TemporaryError, or the error of the problem document."""
    if response.status_code in TEMPORARY:
        raise TemporaryError(response)
    if response.is_error:
        raise error_of(response)
    try:
        return call.read(orjson.loads(response.content))
    except (ValueError, TypeError, KeyError) as error:
        raise ServiceError(
            f"{response.url}: cannot read the answer ({error}); check that the URL is a Seismic service"
        ) from error


def error_of(response: httpx2.Response) -> SeismicError:
    """Return the error of a problem document (RFC 9457), with its detail as message; else a ServiceError."""
    found = f"{response.url}: found status {response.status_code} {response.reason_phrase}"
    other = UnavailableError(found) if response.status_code in TEMPORARY else ServiceError(found)
    error = error_of_problem(_problem(response), other)
    error.add_note(f"HTTP status {response.status_code}, request id {response.headers.get('X-Request-ID', 'unknown')}")
    if isinstance(error, UnavailableError):
        error.retry_after = retry_after(response)
    return error


def error_of_problem(problem: Mapping[str, Any], other: ServiceError) -> SeismicError:
    """Return the engine's error of a problem; if its type is unknown, one of the kind of `other`."""
    detail = str(problem.get("detail") or other)
    kind = ERRORS.get(str(problem.get("type", "")).removeprefix(TYPE))
    if kind is ConflictError:
        return ConflictError(detail, [(one["id"], one["sequence"]) for one in problem.get("conflicts", ())])
    return _make(kind, detail) if kind else type(other)(detail)


def unreachable(url: httpx2.URL, error: httpx2.TransportError) -> ServiceError:
    """Return the error for a service that does not answer."""
    return ServiceError(f"{url}: no answer ({type(error).__name__}: {error})")


def _make(kind: type[SeismicError], detail: str) -> SeismicError:
    if issubclass(kind, FilterError):
        path, _, problem = detail.partition(": ")
        return kind(problem, path)
    return kind(detail)


def _problem(response: httpx2.Response) -> dict[str, Any]:
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}
