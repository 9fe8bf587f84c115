"""From an answer to what it says, or to the error that the engine would have raised."""

from typing import Any, TypeVar

import httpx
import orjson

from seismic.client.calls import Call
from seismic.client.retries import TEMPORARY, TemporaryError, retry_after
from seismic.errors import (
    DeadlineError,
    DocumentNotFoundError,
    DrainingError,
    EncoderError,
    FilterError,
    ForbiddenError,
    IndexNotFoundError,
    InputError,
    LockedError,
    NotReadyError,
    OverloadedError,
    ParameterError,
    QueryError,
    RateLimitError,
    SeismicError,
    ServiceError,
    StoppedError,
    StorageError,
    UnauthorizedError,
    UnavailableError,
)

T = TypeVar("T")

TYPE = "urn:problem-type:seismic:"
ERRORS: dict[str, type[SeismicError]] = {
    "encoder": EncoderError,
    "client-gone": StoppedError,
    "deadline": DeadlineError,
    "draining": DrainingError,
    "forbidden": ForbiddenError,
    "invalid-filter": FilterError,
    "invalid-input": InputError,
    "invalid-parameter": ParameterError,
    "invalid-query": QueryError,
    "locked": LockedError,
    "no-such-collection": IndexNotFoundError,
    "no-such-document": DocumentNotFoundError,
    "not-ready": NotReadyError,
    "overloaded": OverloadedError,
    "rate-limit": RateLimitError,
    "storage": StorageError,
    "unauthorized": UnauthorizedError,
}
"""Type of problem, after TYPE -> what the engine raises."""


def headers(api_key: str | None) -> dict[str, str]:
    """Of every request. Space around a key, as in a file, is no part of it; ParameterError if no header can have it."""
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ParameterError("api_key: found characters that no key has, expected what `seismic keys create` printed")
    return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})


def read(call: Call[T], response: httpx.Response) -> T:
    """What the service says; TemporaryError, or the error of its problem document."""
    if response.status_code in TEMPORARY:
        raise TemporaryError(response)
    if response.is_error:
        raise error_of(response)
    try:
        return call.read(orjson.loads(response.content))
    except (ValueError, TypeError, KeyError) as error:
        raise ServiceError(
            f"{response.url}: answered what this client cannot read ({error}); is it a Seismic service?"
        ) from error


def error_of(response: httpx.Response) -> SeismicError:
    """The error behind a problem document (RFC 9457), its detail as message; ServiceError for any other answer."""
    problem = _problem(response)
    kind = ERRORS.get(str(problem.get("type", "")).removeprefix(TYPE))
    detail = str(problem.get("detail") or f"{response.url}: answered {response.status_code} {response.reason_phrase}")
    error: SeismicError
    if kind is not None:
        error = _make(kind, detail)
    elif response.status_code in TEMPORARY:
        error = UnavailableError(detail)
    else:
        error = ServiceError(detail)
    error.add_note(f"HTTP status {response.status_code}, request id {response.headers.get('X-Request-ID', 'unknown')}")
    if isinstance(error, UnavailableError):
        error.retry_after = retry_after(response)
    return error


def unreachable(url: httpx.URL, error: httpx.TransportError) -> ServiceError:
    """For a service that gives no answer."""
    return ServiceError(f"{url}: no answer ({type(error).__name__}: {error})")


def _make(kind: type[SeismicError], detail: str) -> SeismicError:
    if issubclass(kind, FilterError):
        path, _, problem = detail.partition(": ")
        return kind(problem, path)
    return kind(detail)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}
